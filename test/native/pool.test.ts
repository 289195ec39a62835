import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

/**
 * Runs native/test/pool-main.cc under the compiler's race detector and its address checker: hundreds of flushes on kernels of
 * its own, whose results must be those of one thread, with calls that fail among them.
 */
const native = fileURLToPath(new URL("../../native/", import.meta.url));
const cxx = process.env.CXX ?? "g++";
const folder = mkdtempSync(join(tmpdir(), "reckon-pool-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sources = ["test/pool-main", "pool", "gate", "pack-cache", "memory", "placement", "call-plan"];
function build(sanitizer: string): string | null {
  const program = join(folder, sanitizer.split(",")[0]);
  const flags = ["-std=c++17", "-O1", "-g", "-pthread", `-fsanitize=${sanitizer}`, "-fno-sanitize-recover=all"];
  const files = sources.map((name) => join(native, `${name}.cc`));
  const result = spawnSync(cxx, [...flags, `-I${native}`, ...files, "-o", program], { encoding: "utf8" });
  return result.status === 0 ? program : null;
}

describe.skipIf(process.platform !== "linux")("the pool, under sanitizers", () => {
  for (const sanitizer of ["thread", "address,undefined"]) {
    const program = process.platform === "linux" ? build(sanitizer) : null;
    if (program === null) console.warn(`skipped: the pool under -fsanitize=${sanitizer}: ${cxx} does not build it`);

    // 8 threads have fewer processors on most machines that test: threads then come late and miss calls.
    for (const threads of [2, 3, 8])
      it.skipIf(program === null)(`${sanitizer}: ${threads} threads give what one gives`, () => {
        const { stdout, stderr, status } = spawnSync(program as string, [String(threads), "60"], { encoding: "utf8" });
        expect(stderr).toBe("");
        expect(stdout).toBe("0 failures\n");
        expect(status).toBe(0);
      });
  }
});
