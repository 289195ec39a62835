import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("../../scripts/build-native.mjs", import.meta.url));

/** Runs the build with a compiler that does not exist, as npm runs the script of that name. */
function withoutCompiler(lifecycle: string) {
  const env = { ...process.env, CXX: "no-such-compiler", npm_lifecycle_event: lifecycle };
  const { status, stderr } = spawnSync(process.execPath, [script], { env, encoding: "utf8" });
  return { status, stderr };
}

describe("building without a compiler", () => {
  it("says what to install and how to go on, and lets the install finish", () => {
    const { status, stderr } = withoutCompiler("install");
    expect(status).toBe(0);
    expect(stderr).toContain("the native engine was NOT built: the compiler no-such-compiler does not run");
    expect(stderr).toMatch(/Install one: +(apt-get install g\+\+|xcode-select --install)/);
    expect(stderr).toMatch(/then build: +npm rebuild reckon +\(in a checkout: npm run build\)/);
  });

  it("fails when the build itself was asked for", () => {
    expect(withoutCompiler("build").status).toBe(1);
  });
});
