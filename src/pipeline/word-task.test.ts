import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTinyModel } from "../../test/cli/tiny-model.ts";
import { DataError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { loadPretrained } from "../model/pretrained.ts";
import type { TextTokenizer } from "../prompt/text-tokenizer.ts";
import { defineRecipe, type RecipeInput } from "./parse-recipe.ts";
import type { WordSettings } from "./recipe-task.ts";
import { measuredPrompts, planStages } from "./stage-plan.ts";
import { tokenizerOf } from "./text-model.ts";
import { readWordProblems, remarksOnProblems, wordTask } from "./word-task.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-words-"));
const stories = [
  "Ada buys pens for the new school year",
  "A crate of oranges stands in the shed",
  "The bus to the sea leaves every morning",
  "Two painters share one long ladder",
  "Rain fell on most days of that June",
  "Our baker sells rolls until noon",
  "Every shelf in the library is full",
  "Nina runs around the lake before work",
  "A farmer counts sheep behind the barn",
  "Old coins lie in a wooden box",
];
const write = (file: string, questions: readonly string[]) =>
  writeFileSync(
    join(dir, file),
    questions.map((ask, i) => `${JSON.stringify({ ask, answer: `${i}`, how: `It is ${i}.` })}\n`).join(""),
  );

let tokenizer: TextTokenizer;
let config: ReturnType<typeof loadPretrained>["policy"]["config"];
beforeAll(async () => {
  await writeTinyModel(dir);
  const resolved = { kind: "directory", path: dir, commit: null, from: "path" } as const;
  tokenizer = tokenizerOf(resolved);
  config = loadPretrained(openReferenceDevice(), resolved).policy.config;
  // The first one is a copy of a test problem.
  write("train.jsonl", stories);
  write("test.jsonl", [`${stories[0]}!`, "How many wheels have four carts", "What is left of nine loaves"]);
});
afterAll(() => rmSync(dir, { recursive: true }));

function recipeOf(task: Record<string, unknown> = {}, over: Partial<RecipeInput> = {}) {
  return defineRecipe({
    name: "a",
    task: {
      kind: "words",
      data: dir,
      layout: "columns",
      columns: { question: "ask", answer: "answer", solution: "how" },
      train: { file: "train.jsonl" },
      test: { file: "test.jsonl" },
      format: "hash",
      instruction: "",
      maxNewTokens: 8,
      ...task,
    },
    model: { from: dir },
    stages: [{ kind: "sft", name: "sft", epochs: 1, learningRate: 0.1, batchSize: 1 }],
    ...over,
  } as RecipeInput);
}

async function open(recipe = recipeOf()) {
  const settings = recipe.task as WordSettings;
  const problems = await readWordProblems(settings, { seed: 0, validation: recipe.validation.problems });
  return { problems, task: wordTask(settings, tokenizer, problems) };
}

const questionsOf = (prompts: readonly { problem: { question: string } }[]) =>
  prompts.map(({ problem }) => problem.question);

describe("problems in words", () => {
  it("keep copies of test and of validation problems out of training", async () => {
    write("held.jsonl", [...stories, "Nina runs around the LAKE, before work", stories[7]]);
    const { problems, task } = await open(recipeOf({ train: { file: "held.jsonl" } }, { validation: { problems: 1 } }));
    expect(questionsOf(task.prompts("validation", 1, 0))).toEqual([stories[7]]);
    const trained = questionsOf(task.prompts("reinforcement", undefined, 0));
    expect(trained).toEqual(stories.filter((_, i) => i !== 0 && i !== 7));
    expect([problems.removed, problems.removedForValidation]).toEqual([1, 2]);
    expect(remarksOnProblems(problems).join("\n")).toMatch(/2 more left out, as validation problems are copies/);
  });

  it("are as many as are asked for, and too many are refused", async () => {
    const { task, problems } = await open();
    const there = problems.train.length;
    expect(task.prompts("reinforcement", 4, 0)).toHaveLength(4);
    expect(() => task.prompts("reinforcement", there + 1, 0)).toThrow(DataError);
    expect(() => task.demonstrations(there + 1, 0)).toThrow(`worked solutions: expected at most ${there}, `);
    expect(() => task.prompts("test", 4, 0)).toThrow(/to be measured on: expected at most 3, .* got 4/);
    // What a recipe leaves out is 1000 at most.
    expect(measuredPrompts(recipeOf(), task)).toHaveLength(3);
    expect(() => measuredPrompts(recipeOf({}, { evaluation: { problems: 1000 } }), task)).toThrow(DataError);
  });

  it("to be imitated are drawn otherwise than those to be reinforced on", async () => {
    const { task } = await open();
    const imitated = (seed: number) => questionsOf(task.demonstrations(4, seed).map(({ prompt }) => prompt));
    const reinforced = (seed: number) => questionsOf(task.prompts("reinforcement", 4, seed));
    const same = [0, 1, 2, 3].filter((seed) => imitated(seed).join() === reinforced(seed).join());
    expect(same.length).toBeLessThan(2);
  });

  it("of one file for training and measuring say what is wrong, when they are trained on", async () => {
    const { task } = await open(recipeOf({ test: { file: "train.jsonl" } }));
    expect(task.prompts("test", undefined, 0)).toHaveLength(10);
    for (const ask of [() => task.demonstrations(undefined, 0), () => task.prompts("reinforcement", 2, 0)])
      expect(ask).toThrow(
        /every training problem is a copy of a test problem.* task\.train\.rows and task\.test\.rows/,
      );
  });
});

it("a text that stops completions is no part of what is graded", async () => {
  const { task } = await open(recipeOf({ format: "hash", stop: ["Question:", "\n\n"] }));
  expect(task.sampling.stopStrings).toEqual(expect.arrayContaining(["Question:", "\n\n"]));
  const [prompt] = task.prompts("test", 2, 0);
  const gold = prompt.problem.answer;
  const stopped = async (text: string, stop: "stop" | "length" = "stop") => {
    const attempt = { tokens: [], logps: new Float32Array(), stop, text };
    const [{ correct }] = await task.grading.grade([{ attempt, prompt }]);
    return [task.grading.extract(attempt, prompt), correct];
  };
  expect(await stopped(`So.\n#### ${gold}Question: 5`)).toEqual([gold, 1]);
  expect(await stopped(`So.\n#### ${gold}\n\nAnd Question:`)).toEqual([gold, 1]);
  expect((await stopped(`So.\n#### ${gold}Question: 5\n`, "length"))[1]).toBe(0);
});

describe("a model's context", () => {
  const long = `Nina ${"and her dog ".repeat(60)}run`;

  it("leaves training problems out that are longer, with their ids", async () => {
    write("long.jsonl", [long, ...stories]);
    const recipe = recipeOf({ train: { file: "long.jsonl" } });
    const rl = { kind: "rl", name: "grpo", epochs: 1, promptsPerStep: 1, learningRate: 0.1 } as const;
    const both = { ...recipe, stages: [...recipe.stages, ...defineRecipe({ ...recipe, stages: [rl] }).stages] };
    const { task } = await open(recipe);
    const {
      stages,
      task: fit,
      remarks,
    } = planStages(both, task, { config: { ...config, maxPositions: 200 }, lora: null });
    expect(remarks).toEqual([
      expect.stringMatching(/^1 of 10 worked solutions take more than 200 tokens, .*: long\/1; they are left out$/),
      expect.stringMatching(/^1 of 10 problems to be reinforced on with task\.maxNewTokens \(8\) take more than 200/),
    ]);
    expect(stages.map((stage) => "steps" in stage && stage.steps)).toEqual([9, 9]);
    expect(fit.demonstrations(undefined, 0)).toHaveLength(9);
    expect(fit.prompts("reinforcement", undefined, 0)).toHaveLength(9);
  });

  it("is named with a test problem that does not fit, and where nothing fits", async () => {
    write("long.jsonl", [...stories.slice(1), long]);
    const planned = async (task: Record<string, unknown>, maxPositions: number) => {
      const recipe = recipeOf(task);
      return planStages(recipe, (await open(recipe)).task, { config: { ...config, maxPositions }, lora: null });
    };
    await expect(planned({ test: { file: "long.jsonl" }, train: { file: "test.jsonl" } }, 200)).rejects.toThrow(
      /^test problem long\/10: its prompt takes \d+ tokens, .*task\.maxNewTokens \(8\).*model\.context \(200\)/,
    );
    await expect(planned({}, 20)).rejects.toThrow(/worked solutions take more than 20 tokens.*; raise model\.context/);
  });

  it("comes with defaults for what a recipe leaves to its task and its model", async () => {
    const rl = { kind: "rl", name: "grpo", epochs: 1, promptsPerStep: 1, learningRate: 0.1 } as const;
    const recipe = recipeOf({}, { stages: [rl, { ...rl, name: "again", lengthProbe: 3, balanceCoefficient: 0.5 }] });
    const { task } = await open(recipe);
    const resolved = (lora: object | null) =>
      planStages(recipe, task, { config, lora }).stages.map((stage) =>
        stage.kind === "rl" ? [stage.lengthProbe, stage.balanceCoefficient] : [],
      );
    expect(resolved({ rank: 2 })).toEqual([
      [16, 0],
      [3, 0.5],
    ]);
    expect(resolved({ router: true })[0]).toEqual([16, 0.01]);
    expect(resolved(null)[0]).toEqual([16, 0.01]);
  });
});

it("measures after worked examples, and trains without them", async () => {
  const recipe = recipeOf({ template: "plain" });
  const { problems } = await open(recipe);
  const settings = recipe.task as WordSettings;
  const task = wordTask(settings, tokenizer, problems, { fewShot: 2, seed: 3 });
  const textOf = ({ tokens }: { tokens: number[] }) => tokenizer.decode(tokens);
  const [first] = task.prompts("test", undefined, 1).map(textOf);
  expect(first.match(/Question: /g)).toHaveLength(3);
  expect(first.match(/#### \d\n\nQuestion: /g)).toHaveLength(2);
  // The first training problem is a copy of this test problem, and was taken out.
  expect(first.match(/Ada buys pens/g)).toHaveLength(1);
  expect(first.endsWith(`Question: ${problems.test[0].question}\nAnswer:\n`)).toBe(true);
  expect(textOf(task.prompts("reinforcement", 1, 1)[0]).match(/Question: /g)).toHaveLength(1);
  expect(task.sampling.stopStrings).toContain("\nQuestion:");
  // What was cut off for beginning the next question is graded without it.
  const [prompt] = task.prompts("test", 1, 1);
  const attempt = {
    tokens: [1],
    logps: new Float32Array(1),
    stop: "stop" as const,
    text: "#### 0\n\nQuestion: Why? #### 5",
  };
  expect(task.grading.extract(attempt, prompt)).toBe("0");
  expect(task.grading.ruleOf?.(attempt, prompt)).toBe("hash");
});
