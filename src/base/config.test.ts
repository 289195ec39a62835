import { describe, expect, it } from "vitest";
import { z } from "zod";
import { applySettings, parseConfig, parseYamlConfig } from "./config.ts";
import { ConfigError } from "./errors.ts";
import { editDistance, nearest } from "./nearest.ts";

const steps = z.number().int().min(1).max(100_000).describe("optimizer steps");
const learningRate = z.number().gt(0).max(1).default(3e-4).describe("peak learning rate");
const stage = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sft"), name: z.string().min(1), steps, learningRate }),
  z.strictObject({ kind: z.literal("rl"), name: z.string().min(1), steps, beta: z.number().min(0).default(0.04) }),
]);
const recipe = z.strictObject({
  seed: z.number().int().min(0).default(1),
  device: z.enum(["native", "reference"]).default("native"),
  model: z.object({ width: z.number().int().multipleOf(8), experts: z.number().int().min(1).optional() }),
  sampling: z
    .strictObject({ topP: z.number().gt(0).max(1).default(1), topK: z.number().int().min(0).default(0) })
    .prefault({}),
  threads: z.union([z.number().int().min(1), z.literal("auto")]).default("auto"),
  stages: z.array(stage).min(1),
});

const good = `seed: 7
model: { width: 64 }
stages:
  - kind: sft
    name: warm
    steps: 10
  - { kind: rl, name: rl, steps: 20 }
`;

/** The message of the ConfigError that `action` throws. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error("expected a ConfigError");
}

describe("parseYamlConfig", () => {
  it("fills in defaults", () => {
    expect(parseYamlConfig(good, "r.yaml", recipe)).toEqual({
      seed: 7,
      device: "native",
      model: { width: 64 },
      sampling: { topP: 1, topK: 0 },
      threads: "auto",
      stages: [
        { kind: "sft", name: "warm", steps: 10, learningRate: 3e-4 },
        { kind: "rl", name: "rl", steps: 20, beta: 0.04 },
      ],
    });
  });

  it("lists every problem with path, place, range, what came and the nearest key", () => {
    const bad = `sed: 7
device: nativ
model:
  width: 60
  exprts: 4
threads: 0
stages:
  - kind: sft
    name: warm
    steps: 1.5
    learningrate: 2
    learningRate: fast
  - { kind: rll, name: rl }
  - { kind: rl, name: "", beta: -1 }
`;
    expect(refusal(() => parseYamlConfig(bad, "r.yaml", recipe, ["sampling.topP=0"])).split("\n")).toEqual([
      "r.yaml: 13 problems; nothing was started",
      "  sed (line 1, column 1): unknown key; did you mean seed?",
      "  model.exprts (line 5, column 3): unknown key; did you mean experts?",
      "  stages[0].learningrate (line 11, column 5): unknown key; did you mean learningRate?",
      '  device (line 2, column 1): expected one of native, reference, got "nativ"',
      "  model.width (line 4, column 3): expected a whole number, a multiple of 8, got 60",
      "  sampling.topP (--set sampling.topP=0): expected a number above 0 and at most 1, got 0",
      "  threads (line 6, column 1): expected a whole number from 1 or auto, got 0",
      "  stages[0].steps (line 10, column 5): expected a whole number from 1 to 100000 (optimizer steps), got 1.5",
      '  stages[0].learningRate (line 12, column 5): expected a number above 0 and at most 1 (peak learning rate), got "fast"',
      '  stages[1].kind (line 13, column 7): expected one of sft, rl, got "rll"',
      '  stages[2].name (line 14, column 17): expected text of at least 1 letter, got ""',
      "  stages[2].steps (line 14, column 5): expected a whole number from 1 to 100000 (optimizer steps), missing",
      "  stages[2].beta (line 14, column 27): expected a number from 0, got -1",
    ]);
  });

  it("places errors of the text itself", () => {
    expect(refusal(() => parseYamlConfig("seed: [1\nmodel: 2", "r.yaml", recipe))).toMatch(
      /^r\.yaml: .*\n {2}not YAML \(line 2/s,
    );
    expect(refusal(() => parseYamlConfig("seed: 1\nseed: 2", "r.yaml", recipe))).toContain("Map keys must be unique");
    expect(refusal(() => parseYamlConfig("seed: !!python/object 1", "r.yaml", recipe))).toContain("Unresolved tag");
    expect(refusal(() => parseYamlConfig("", "r.yaml", recipe))).toContain(
      "expected a mapping of keys to values, got null",
    );
    const bomb = `a: &a [1,1,1,1,1,1,1,1,1,1]\n${"bcdef"
      .split("")
      .map((key, i) => `${key}: &${key} [${`*${"abcde"[i]},`.repeat(10)}]`)
      .join("\n")}`;
    expect(refusal(() => parseYamlConfig(bomb, "r.yaml", recipe))).toContain("not YAML: Excessive alias count");
  });

  it("finds unknown keys inside aliases and in objects not declared strict", () => {
    const text = "model: &m { width: 64, depth: 2 }\nstages: [{ kind: rl, name: a, steps: 1 }]\nsampling: *m\n";
    expect(
      refusal(() => parseYamlConfig(text, "r.yaml", recipe))
        .split("\n")
        .slice(1),
    ).toEqual([
      "  model.depth (line 1, column 24): unknown key; known keys: width, experts",
      "  sampling.width (line 1, column 13): unknown key; known keys: topP, topK",
      "  sampling.depth (line 1, column 24): unknown key; known keys: topP, topK",
    ]);
  });

  it("keeps an author's own message", () => {
    const even = z.strictObject({
      n: z.number().refine((n) => n % 2 === 0, "expected an even count; halves are paired"),
    });
    expect(refusal(() => parseConfig({ n: 3 }, even, "flags"))).toBe(
      "flags: 1 problem; nothing was started\n  n: expected an even count; halves are paired",
    );
  });
});

describe("applySettings", () => {
  const parsed = parseYamlConfig(good, "r.yaml", recipe);

  it("addresses items by name or index, reads values as YAML, and leaves the original alone", () => {
    const changed = applySettings(
      parsed,
      ["stages.rl.steps=5", "stages[0].learningRate=1e-3", "model.experts=4", "device=reference", "threads=[1, 2]"],
      recipe,
    );
    expect(changed.stages[1].steps).toBe(5);
    expect(changed.stages[0]).toMatchObject({ learningRate: 0.001 });
    expect(changed).toMatchObject({ model: { width: 64, experts: 4 }, device: "reference", threads: [1, 2] });
    expect(parsed.stages[1].steps).toBe(20);
  });

  it("reaches defaulted sections that the text leaves out", () => {
    expect(parseYamlConfig(good, "r.yaml", recipe, ["sampling.topK=3"]).sampling).toEqual({ topP: 1, topK: 3 });
  });

  it("lists every setting that cannot be applied", () => {
    const settings = [
      "stages.lr.steps=5",
      "stages[4].steps=1",
      "stages.rl.stpes=1",
      "seed.x=1",
      "steps",
      "seed=[1",
      "model[0]=1",
      "__proto__.x=1",
    ];
    expect(refusal(() => applySettings(parsed, settings, recipe)).split("\n")).toEqual([
      "--set stages.lr.steps=5: stages has no item named lr; did you mean rl?",
      "--set stages[4].steps=1: stages has 2 items; expected an index below that, got 4",
      "--set stages.rl.stpes=1: stages[1].stpes: unknown key; did you mean steps?",
      "--set seed.x=1: seed is not a section; set it as a whole",
      "--set steps: expected path=value, for example stages.rl.steps=10 or stages[1].steps=10",
      expect.stringMatching(/^--set seed=\[1: the value is not YAML: /),
      "--set model[0]=1: model is not a list; use a key instead of [0]",
      "--set __proto__.x=1: __proto__: unknown key; known keys: seed, device, model, sampling, threads, stages",
    ]);
  });

  it("knows only present keys without a schema", () => {
    expect(applySettings({ a: { b: 1 } }, ["a.b=2"])).toEqual({ a: { b: 2 } });
    expect(refusal(() => applySettings({ alpha: 1 }, ["alhpa=2"]))).toContain("did you mean alpha?");
  });

  it("names problems of settings together with those of the text", () => {
    const message = refusal(() =>
      parseYamlConfig(good.replace("seed: 7", "seed: -1"), "r.yaml", recipe, ["modle.width=8"]),
    );
    expect(message.split("\n")).toEqual([
      "r.yaml: 2 problems; nothing was started",
      "  --set modle.width=8: modle: unknown key; did you mean model?",
      "  seed (line 1, column 1): expected a whole number from 0, got -1",
    ]);
  });
});

describe("nearest", () => {
  it("counts substitutions, insertions, deletions and swaps as one edit", () => {
    expect([
      editDistance("beta", "beat"),
      editDistance("steps", "step"),
      editDistance("", "abc"),
      editDistance("Kind", "kind"),
    ]).toEqual([1, 1, 3, 0]);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });

  it("gives up when nothing is near", () => {
    expect(nearest("xyz", ["learningRate", "steps"])).toBeNull();
    expect(nearest("clip", [])).toBeNull();
  });
});
