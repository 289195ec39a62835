import { describe, expect, test } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { defineRecipe, parseRecipe } from "./parse-recipe.ts";
import { locateRewardFiles } from "./recipe-rewards.ts";

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

describe("a list of rewards", () => {
  const asked = (list: string) => `stages: [${rl(`, rewards: ${list}`)}]`;

  test("has names, files, weights and options", () => {
    const list = "[{ use: correct }, { use: ./a.ts, weight: { tone: 2 }, options: { x: 1 }, timeLimit: 5 }]";
    const { stages } = parseRecipe(`name: good\n${asked(list)}`);
    expect(stages[0]).toMatchObject({
      rewards: [
        { use: "correct", weight: 1, options: {} },
        { use: "./a.ts", weight: { tone: 2 }, options: { x: 1 }, timeLimit: 5 },
      ],
    });
    expect(locateRewardFiles(stages, "/some/where/recipe.yaml")[0]).toMatchObject({
      rewards: [{ use: "correct" }, { use: "/some/where/a.ts" }],
    });
    expect(
      parseRecipe(`name: good\n${asked(list)}`, "recipe", ["stages.grpo.rewards[0].weight=3"]).stages[0],
    ).toMatchObject({
      rewards: [{ weight: 3 }, {}],
    });
  });

  test.each([
    ["[{ use: outcom }]", /rewards\[0\]\.use .*there is no reward outcom; did you mean outcome\?/],
    ["[{ use: my-reward }]", /a file is written \.\/my-reward\.ts/],
    ["[{ use: correct }, { weight: 1 }]", /rewards\[1\]\.use .*missing/],
    ["[{ use: correct, wieght: 1 }]", /rewards\[0\]\.wieght .*did you mean weight\?/],
    ["[{ use: correct, weight: high }]", /rewards\[0\]\.weight .*expected a number or a mapping/],
    ["[{ use: length, options: { max: 0 } }]", /rewards\[0\]\.options\.max .*length: /],
    ["[{ use: length, options: { most: 5 } }]", /rewards\[0\]\.options .*most/],
    ["[{ use: correct, timeLimit: 5 }]", /timeLimit .*only a file's promises are waited for/],
    ["[{ use: setup }]", /rewards\[0\]\.use .*this reward is of problems in words/],
    ["[{ use: cookbook }]", /rewards\[0\]\.use .*this reward is of problems in words/],
    ["[]", /rewards .*at least 1 item/],
    ["1", /rewards .*a mapping of keys to values or a list of at least 1 item.*, got 1/],
  ])("%s is refused with its place", (list, message) => {
    const problems = refusal(asked(list));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });

  test("of arithmetic is none of problems in words", () => {
    expect(refusal(`${words}${asked("[{ use: arithmetic }]")}`)[0]).toMatch(/this reward is of arithmetic: remove it/);
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
