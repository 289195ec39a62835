import { describe, expect, test } from "vitest";
import { groupAdvantages } from "../advantage/group.ts";
import { ConfigError } from "../base/errors.ts";
import { grpoLoss } from "../loss/grpo.ts";
import { algorithmOptions } from "./algorithm-options.ts";
import { defineRecipe, parseRecipe } from "./parse-recipe.ts";
import type { RlStage } from "./recipe.ts";

const text = (more: string) =>
  `name: one\nstages: [{ kind: rl, name: grpo, problems: 10, steps: 1, learningRate: 0.1, ${more} }]`;
const stageOf = (more: string) => parseRecipe(text(more)).stages[0] as RlStage;

function refusal(more: string): string[] {
  try {
    parseRecipe(text(more));
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n").slice(1);
    throw error;
  }
  throw new Error("the recipe was accepted");
}

const batch = {
  logps: [-1, -2, -0.5],
  oldLogps: [-1.5, -1.6, -0.5],
  refLogps: [-1, -1.5, -1],
  entropies: [1, 2, 3],
  advantages: [1, 1, -1],
  starts: [0, 2, 3],
};
const whole = { attempts: 2, tokens: 3, maxLength: 8 };

test("a recipe that names no algorithm trains as ever: GRPO, clip-higher, the token mean, k3 in the loss", () => {
  const stage = stageOf("");
  expect(stage).toMatchObject({
    algorithm: "grpo",
    aggregation: "dapo",
    scale: "group",
    clipLow: 0.2,
    clipHigh: 0.28,
    beta: 0.001,
    klEstimator: "k3",
    klIn: "loss",
    curriculum: "none",
  });
  const { loss, advantages, kl, importance, ...rest } = algorithmOptions(stage);
  const same = { clipLow: 0.2, clipHigh: 0.28, beta: 0.001, entropyBonus: 0, aggregation: "dapo" as const };
  expect(loss!(batch, whole)).toEqual(grpoLoss(batch, same, whole));
  expect(advantages!([[1, 0]])).toEqual(groupAdvantages([[1, 0]], { scale: "group" }));
  expect([kl, importance, rest]).toEqual([
    null,
    null,
    { maskTruncated: false, topEntropyQuantile: 1, curriculum: "none" },
  ]);
});

describe("each algorithm", () => {
  test.each([
    ["gspo", { aggregation: "grpo", scale: "group", clipLow: 3e-4, clipHigh: 4e-4, klIn: "loss" }],
    ["cispo", { aggregation: "dapo", clipHigh: 4, klEstimator: "k3" }],
    ["rloo", { scale: "none", clipLow: 0.2, clipHigh: 0.2, klEstimator: "k1", klIn: "reward" }],
    ["reinforce", { aggregation: "dapo", scale: "batch", klIn: "reward" }],
  ])("%s has its own defaults, which a resolved recipe is taken back with", (algorithm, defaults) => {
    const recipe = parseRecipe(text(`algorithm: ${algorithm}`));
    expect(recipe.stages[0]).toMatchObject(defaults);
    expect(defineRecipe(recipe)).toEqual(recipe);
    const off = parseRecipe(text(`algorithm: ${algorithm}, beta: 0`));
    expect(defineRecipe(off)).toEqual(off);
  });

  test("is what the loss and the advantages are made of", () => {
    const losses = ["grpo", "gspo", "cispo", "rloo", "reinforce"].map((algorithm) => {
      const { loss } = algorithmOptions(
        stageOf(
          `algorithm: ${algorithm}, klIn: loss, clipHigh: 0.5`.replace(
            /clipHigh: 0.5/,
            algorithm === "reinforce" ? "scale: none" : "clipHigh: 0.5",
          ),
        ),
      );
      return loss!(batch, whole).value.toFixed(6);
    });
    expect(new Set(losses).size).toBe(5);
    const rewards = [
      [1, 0, 0],
      [1, 1, 0],
    ];
    const first = (more: string) => algorithmOptions(stageOf(more)).advantages!(rewards)[0][0];
    expect(first("algorithm: rloo")).toBe(1);
    expect(first("algorithm: reinforce, scale: none")).toBeCloseTo(0.5, 12);
    expect(first("scale: none")).toBeCloseTo(2 / 3, 12);
    expect(first("scale: none, advantageClamp: 0.5")).toBe(0.5);
  });

  test("with KL in the reward leaves it out of the loss", () => {
    const { loss, kl } = algorithmOptions(stageOf("algorithm: rloo, beta: 0.3"));
    expect(kl).toEqual({ coefficient: 0.3, in: "reward", estimator: "k1", target: undefined });
    expect(loss!(batch, whole).value).toBe(loss!({ ...batch, refLogps: null }, whole).value);
    const steered = algorithmOptions(stageOf("klTarget: 0.05, klEstimator: k2"));
    expect(steered.kl).toEqual({ coefficient: 0.001, in: "loss", estimator: "k2", target: 0.05 });
  });

  test("corrects another engine's samples by token, or by completion where that is one action", () => {
    expect(algorithmOptions(stageOf("importanceCap: 2")).importance).toEqual({ cap: 2, level: "token" });
    expect(algorithmOptions(stageOf("importanceCap: 2, algorithm: rloo")).importance?.level).toBe("sequence");
  });
});

describe("what an algorithm would not read is refused", () => {
  test.each([
    ["algorithm: reinforce, clipLow: 0.1, clipHigh: 0.2", [/\.clipLow .*no ratio to clip/, /\.clipHigh .*no ratio/]],
    ["algorithm: reinforce, updatesPerRollout: 2", [/\.updatesPerRollout .*holds for 1 update on a rollout, got 2/]],
    ["algorithm: reinforce, scale: group, klIn: loss", [/\.scale .*expected batch or none, got group/]],
    ["algorithm: cispo, clipLow: 0.1", [/\.clipLow .*set clipHigh/]],
    ["algorithm: cispo, delta: 3", [/\.delta .*set clipHigh/]],
    ["algorithm: rloo, aggregation: dapo", [/\.aggregation .*one action/]],
    ["algorithm: rloo, topEntropyQuantile: 0.2", [/\.topEntropyQuantile .*one action/]],
    ["delta: 1.1", [/\.delta .*more than 1 \+ clipHigh, 1.28, got 1.1/]],
    ["beta: 0, klTarget: 0.1", [/\.klTarget .*beta is 0/]],
    ["beta: 0, klIn: reward", [/\.klIn .*beta is 0/]],
    ["klIn: reward", [/\.klIn .*scale: batch or none/]],
    ["klIn: reward, scale: none, resample: 2", [/\.resample .*no group is without spread/]],
    ["algoritm: rloo", [/\.algoritm .*did you mean algorithm/]],
    ["algorithm: ppo", [/\.algorithm .*one of grpo, gspo, cispo, rloo, reinforce/]],
    ["topEntropyQuantile: 0", [/\.topEntropyQuantile .*got 0/]],
    ["curriculum: hardest", [/\.curriculum .*one of none, easiest, solve-rate/]],
  ])("%s", (more, problems) => {
    const found = refusal(more);
    expect(found).toHaveLength(problems.length);
    for (const [i, problem] of problems.entries()) expect(found[i]).toMatch(problem);
  });
});
