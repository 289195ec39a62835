import { join } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import { findViolations, importsOf, packagesUsed, readSources, type Sources } from "./import-rules.ts";

const src = join(import.meta.dirname, "..", "src");
const sources = readSources(src);

/** The real sources with one more line at the top of one file. */
function planted(file: string, line: string): Sources {
  expect(sources.has(file)).toBe(true);
  return new Map([...sources].map(([name, text]) => [name, name === file ? `${line}\n${text}` : text]));
}

describe("import layers", () => {
  it("hold in all of src/", () => {
    expect(sources.size).toBeGreaterThan(100);
    expect(findViolations(sources)).toEqual([]);
  });

  it.each([
    ["a higher rank", "base/rng.ts", `import { z } from "../records/attempt.ts";`, "lower ranks only"],
    ["the engine from a plain room", "reward/reward.ts", `import type { T } from "../engine/tape.ts";`, "never sees"],
    ["another room of the same rank", "model/config.ts", `import { a } from "../loss/grpo.ts";`, "lower ranks only"],
    ["a device from an op", "engine/ops/norm.ts", `import { a } from "../devices/native/device.ts";`, "names devices"],
    ["a device from above", "train/grpo.ts", `await import("../engine/devices/native/device.ts");`, "names devices"],
    ["one device from another", "engine/devices/native/device.ts", `import "../reference/device.ts";`, "names devices"],
    ["a worker of a higher rank", "engine/tape.ts", `new URL("../train/grpo.ts", import.meta.url);`, "lower ranks"],
    ["the library's own front door", "eval/evaluate.ts", `export * from "../index.ts";`, "users of the library"],
    ["a file that is not there", "base/rng.ts", `import { a } from "./gone.ts";`, "no such source file"],
  ])("refuse %s", (_, file, line, reason) => {
    const problems = findViolations(planted(file, line));
    expect(problems.filter((problem) => problem.startsWith(file) && problem.includes(reason))).toHaveLength(1);
  });

  it("refuse a cycle, also inside a room", () => {
    const problems = findViolations(planted("base/errors.ts", `import type { N } from "./config.ts";`));
    expect(problems.some((problem) => /^cycle: .*base\/errors\.ts.*base\/config\.ts/.test(problem))).toBe(true);
  });

  it("see every form of import, and no comment", () => {
    const text = `/** import { a } from "./comment.ts" */
      // export * from "./line.ts";
      import a, {
        type B,
      } from "./many.ts";
      import "./bare.ts"; export { c } from "./export.ts"; export type * from "./types.ts";
      const late = await import("./late.ts"), worker = new Worker(new URL("./worker.ts", import.meta.url));`;
    expect(importsOf(text).sort()).toEqual(
      ["./bare.ts", "./export.ts", "./late.ts", "./many.ts", "./types.ts", "./worker.ts"].sort(),
    );
  });
});

describe("packages", () => {
  it("that src/ imports are dependencies, not development dependencies", () => {
    const undeclared = [...packagesUsed(sources)].filter(([name]) => !Object.hasOwn(packageJson.dependencies, name));
    expect(undeclared).toEqual([]);
  });
});
