import { describe, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import { defineRecipe } from "./parse-recipe.ts";
import type { WordSettings } from "./recipe-task.ts";
import { gradingOf } from "./recipe-task.ts";
import { remarksOnGold } from "./remarks-on-gold.ts";

const settings = (more: Record<string, unknown> = {}): WordSettings =>
  defineRecipe({
    name: "a",
    model: { from: "somewhere" },
    task: { kind: "words", data: "set", layout: "gsm8k", format: "hash", ...more } as never,
    stages: [{ kind: "eval", name: "baseline" }],
  }).task as WordSettings;
const problems = (...answers: string[]) => ({
  train: answers.map((answer, i) => ({ id: `train/${i + 1}`, question: "?", answer })),
  validation: [],
  test: [{ id: "test/1", question: "?", answer: "7" }],
});

describe("a task's grading", () => {
  test("fits its data set unless it is named", () => {
    expect(gradingOf(settings())).toBe("number");
    expect(gradingOf(settings({ layout: "svamp" }))).toBe("number");
    expect(gradingOf(settings({ layout: "math", format: "boxed" }))).toBe("symbolic");
    expect(gradingOf(settings({ layout: "columns", columns: { question: "q", answer: "a" } }))).toBe("symbolic");
    expect(gradingOf(settings({ grading: "gsm8k-strict" }))).toBe("gsm8k-strict");
  });

  test("is refused where the format never marks an answer for it", () => {
    expect(() => settings({ grading: "gsm8k-strict", format: "boxed" })).toThrow(/task\.grading.*format hash alone/);
    expect(() => settings({ grading: "r1-zero" })).toThrow(/task\.grading.*format r1-zero alone/);
    expect(settings({ grading: "r1-zero", format: "r1-zero" }).grading).toBe("r1-zero");
    expect(() => settings({ grading: "gsm8k" })).toThrow(/task\.grading/);
  });
});

test("gold answers that it cannot read are listed before training", () => {
  const strict = settings({ grading: "gsm8k-strict" });
  expect(remarksOnGold(strict, problems("1", "1,080"))).toEqual([]);
  expect(remarksOnGold(strict, problems("1", "one half", "1/2"))).toEqual([
    "2 gold answers cannot be read by the grading gsm8k-strict: attempts at their problems are not scored\n" +
      "train/2: `one half`\ntrain/3: `1/2`",
  ]);
  expect(remarksOnGold(settings(), problems("1/2", "one half"))).toEqual([]);
});

test("a data set of which none can be read is refused", () => {
  const none = { train: problems("x", "y").train, validation: [], test: [] };
  expect(() => remarksOnGold(settings({ grading: "gsm8k-flexible" }), none)).toThrow(DataError);
  expect(() => remarksOnGold(settings({ grading: "gsm8k-flexible" }), none)).toThrow(/train\/1: `x`/);
});
