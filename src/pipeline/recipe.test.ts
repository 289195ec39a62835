import { describe, expect, test } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { defineRecipe, parseRecipe } from "./parse-recipe.ts";

const rl = (more: string) => `{ kind: rl, name: grpo, problems: 10, steps: 1, learningRate: 0.1${more} }`;
const sft = (more: string) => `{ kind: sft, name: sft, workedSolutions: 9, steps: 1, learningRate: 0.1${more} }`;

/** A task in words and its model. */
const words = "task: { kind: words, data: a, layout: gsm8k, format: hash }\nmodel: { from: a/b }\n";

function refusal(text: string): string[] {
  try {
    parseRecipe(`name: bad\n${text}`);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n").slice(1);
    throw error;
  }
  throw new Error("the recipe was accepted");
}

describe("a recipe's rewards", () => {
  test("are the three parts the task grades; correctness alone where none is named", () => {
    const { stages } = parseRecipe(`name: good\nstages: [${rl("")}]`);
    expect(stages[0]).toMatchObject({ rewards: { correct: 1, format: 0, steps: 0, flexible: 0, setup: 0 } });
    const some = parseRecipe(`name: good\nstages: [${rl(", rewards: { format: 0.5 }")}]`);
    expect(some.stages[0]).toMatchObject({ rewards: { correct: 0, format: 0.5, steps: 0 } });
  });

  test("are those that the task grades", () => {
    expect(refusal(`stages: [${rl(", rewards: { flexible: 1 }")}]`)).toEqual([
      expect.stringMatching(/^ {2}stages\[0\]\.rewards\.flexible .*this part is of problems in words/),
    ]);
    const asked = (weights: string) => `${words}stages: [${rl(`, rewards: ${weights}`)}]`;
    const { stages } = parseRecipe(`name: good\n${asked("{ flexible: 1, steps: 0.2 }")}`);
    expect(stages[0]).toMatchObject({ rewards: { correct: 0, flexible: 1, steps: 0.2 } });
  });

  test("refuse a part that is misspelt, and weights that reward nothing", () => {
    expect(refusal(`stages: [${rl(", rewards: { corect: 1 }")}]`).join()).toMatch(
      /rewards\.corect.*did you mean correct/,
    );
    expect(refusal(`stages: [${rl(", rewards: { correct: 0 }")}]`).join()).toMatch(/every weight is 0/);
  });
});

describe("parts of a recipe that do not fit each other", () => {
  test("are all found at once, each under its path", () => {
    const problems = refusal(
      `seed: -1\ntask: { operators: [], functions: [] }\nmodel: { width: 30, heads: 4 }\n` +
        `stages: [${rl("")}, ${rl(", beta: -1")}, { kind: eval, name: ${"x".repeat(65)} }]`,
    );
    expect(problems).toHaveLength(6);
    for (const [i, text] of [
      /^ {2}seed .*got -1/,
      /^ {2}task\.operators .*both empty/,
      /^ {2}model\.heads .*: 4 must divide width 30$/,
      /^ {2}stages\[1\]\.beta .*got -1/,
      /^ {2}stages\[2\]\.name .*at most 64 letters/,
      /^ {2}stages\[1\]\.name .*two stages are named grpo/,
    ].entries())
      expect(problems[i]).toMatch(text);
  });

  test.each([
    ["{ block: llama, width: 12, heads: 4 }", /model\.heads .*even number, got 3/],
    ["{ experts: 4, activeExperts: 5 }", /model\.activeExperts .*1 to experts \(4\), got 5/],
    ["{ activeExperts: 2 }", /model\.activeExperts .*0 without experts, got 2/],
    ["{ from: a, experts: 4 }", /model\.experts .*model\.from decides the shape/],
    ["{ from: a, block: llama }", /model\.block .*model\.from decides the shape/],
    ["{ from: a, lora: { rank: 2 } }", /model\.lora .*a model of arithmetic is trained whole/],
    ["{ from: a, weights: nf4 }", /model\.weights .*trained whole, in f32/],
    ["{ from: a, trainRouter: true }", /model\.trainRouter .*trained whole, routers and all/],
    ["{ from: a, context: 64 }", /model\.context .*its own longest sequence/],
  ])("model: %s", (model, text) => {
    const problems = refusal(`model: ${model}\nstages: [${sft("")}]`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(text);
  });

  test("are not what a resolved recipe that starts from a checkpoint consists of", () => {
    const recipe = parseRecipe(`name: good\nmodel: { from: a }\nstages: [${sft("")}]`);
    expect(defineRecipe(recipe)).toEqual(recipe);
    expect(parseRecipe(`name: good\nmodel: { experts: 1 }\nstages: [${sft("")}]`).model.experts).toBe(1);
  });
});
