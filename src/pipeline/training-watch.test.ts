import { expect, test } from "vitest";
import { defineRecipe } from "./parse-recipe.ts";
import type { RlStage, Stage } from "./recipe.ts";
import { TrainingWatch, warningOfProbe, warningOfSilence, warningOfStart } from "./training-watch.ts";

const stage = (kind: "rl" | "sft" | "pretrain" | "eval"): Stage => {
  const common = { name: "one", steps: 20, learningRate: 1e-3 };
  const stages = {
    rl: { kind: "rl", problems: 9, ...common },
    sft: { kind: "sft", workedSolutions: 9, ...common },
    pretrain: { kind: "pretrain", workedSolutions: 9, ...common },
    eval: { kind: "eval", name: "one" },
  } as const;
  return defineRecipe({ name: "a", stages: [stages[kind]] }).stages[0];
};
const rl = stage("rl") as RlStage;

/** Steps after which there was a warning, with its text. */
function warnings(steps: Record<string, number>[]): [number, string][] {
  const watch = new TrainingWatch(rl, null);
  return steps.flatMap((metrics, i) =>
    watch.warningsAfter(i + 1, metrics).map((text): [number, string] => [i + 1, text]),
  );
}

const step = (clipped: number, flat: number) => ({ "completions/clipped_ratio": clipped, frac_reward_zero_std: flat });

test("attempts that are cut in all of the first three steps are warned of once", () => {
  expect(warnings(Array(8).fill(step(0.6, 0)))).toEqual([[3, expect.stringContaining("raise task.maxNewTokens")]]);
  expect(warnings([step(0.6, 0), step(0.5, 0), ...Array(8).fill(step(0.6, 0))])).toEqual([]);
});

test("ten steps in a row without spread are warned of, fewer are not", () => {
  const flat = Array(10).fill(step(0, 1));
  expect(warnings(flat)).toEqual([[10, expect.stringMatching(/group \(now 8\) or temperature \(now 1\)/)]]);
  expect(warnings([...flat.slice(1), step(0, 0.9), ...flat.slice(1)])).toEqual([]);
});

test("a first stage that goes on from nothing is odd, a pretrain or eval stage is not", () => {
  expect(warningOfStart(rl, null)).toMatch(/random weights.*learns nothing/);
  expect(warningOfStart(stage("sft"), null)).toMatch(/kind: pretrain/);
  expect(warningOfStart(rl, "runs/a/final")).toBeNull();
  expect(warningOfStart(stage("pretrain"), null)).toBeNull();
  expect(warningOfStart(stage("eval"), null)).toBeNull();
});

test("a probe warns where most attempts are cut, with how many and how long the others were", () => {
  const found = { attempts: 8, cutShare: 0.75, meanEndedLength: 12.4, correctShare: 0 };
  expect(warningOfProbe(found, 32)).toMatch(/^6 of 8 attempts .* cut off at 32 tokens, those that ended took 12 on/);
  expect(warningOfProbe({ ...found, cutShare: 1, meanEndedLength: 0 }, 32)).toMatch(/^8 of 8 .*, none ended:/);
  expect(warningOfProbe({ ...found, cutShare: 0.5 }, 32)).toBeNull();
});

test("modules without a gradient are named with the steps that were looked at, and no more is claimed", () => {
  const silent = Array.from({ length: 10 }, (_, i) => `layers.${i}.query`);
  const fresh = { looks: 5, resumed: false, adapter: true };
  const all = warningOfSilence(silent, fresh);
  expect(all).toMatch(/^10 trained modules had no gradient in the 5 steps that were looked at: layers\.0\.query; /);
  expect(all).toMatch(/layers\.7\.query; and 2 more;/);
  expect(all).not.toMatch(/never/);
  expect(all).toMatch(/targetModules/);
  expect(warningOfSilence(silent, { ...fresh, adapter: false })).not.toMatch(/targetModules/);
  expect(warningOfSilence(silent.slice(9), { looks: 2, resumed: true, adapter: true })).toMatch(
    /in the 2 steps that were looked at since the run was resumed: layers\.9\.query;/,
  );
  expect(warningOfSilence([], fresh)).toBeNull();
  expect(warningOfSilence(silent, { ...fresh, looks: 0 })).toBeNull();
});
