import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { DeviceError } from "../../../base/errors.ts";
import { kernelSignatures } from "../../kernels.ts";
import { loadAddon, requireAddon } from "./addon.ts";

const folder = mkdtempSync(join(tmpdir(), "reckon-addon-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe("loadAddon", () => {
  it("is ready after a build", () => {
    expect(loadAddon()).toMatchObject({ state: "ready" });
  });

  it("says that it has not been built, and how to build it", () => {
    const found = loadAddon(join(folder, "absent.node"));
    expect(found).toMatchObject({ state: "missing", reason: "it has not been built" });
    expect(found).toHaveProperty("mend", expect.stringMatching(/npm run build.*npm rebuild reckon.*C\+\+ compiler/));
  });

  it("says why this Node cannot load a file", () => {
    const found = loadAddon(file("foreign.node", "not a shared library"));
    expect(found).toMatchObject({ state: "unusable" });
    expect(found).toHaveProperty("reason", expect.stringContaining(`Node ${process.versions.node}`));
  });

  it("refuses an addon built from other kernels, naming the first difference", () => {
    const path = file("stale.cjs", 'module.exports = { signatures: () => ["fill: out:out | count"] };');
    expect(loadAddon(path)).toMatchObject({
      state: "stale",
      reason:
        'it was built from other sources: kernel 0 is "fill: out:out | count" there, "fill: out:out | count value" here',
    });
  });

  it("refuses an addon that lacks a function", () => {
    const signatures = Object.entries(kernelSignatures).map(([name, signature]) => `${name}: ${signature}`);
    const path = file("old.cjs", `module.exports = { signatures: () => ${JSON.stringify(signatures)} };`);
    expect(loadAddon(path)).toMatchObject({
      state: "stale",
      reason: "it was built from other sources: it has no levels()",
    });
  });
});

it("requireAddon throws the reason and the mend", () => {
  expect(() => requireAddon(join(folder, "absent.node"))).toThrow(DeviceError);
  expect(() => requireAddon(join(folder, "absent.node"))).toThrow(/has not been built; build it: npm run build/);
});

it("kernels.def repeats kernels.ts word for word", () => {
  const path = fileURLToPath(new URL("../../../../native/kernels.def", import.meta.url));
  const listed = [...readFileSync(path, "utf8").matchAll(/^KERNEL\((\w+), "(.*)"\)$/gm)].map(([, name, text]) => [
    name,
    text,
  ]);
  expect(listed).toEqual(Object.entries(kernelSignatures));
});
