import { expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import type { AttemptRecord, EvaluationSummary } from "../records/events.ts";
import { renderEvaluation } from "./evaluation-page.ts";
import { evaluationText } from "./evaluation-text.ts";

const record = (problem: string, over: Partial<AttemptRecord>): AttemptRecord => ({
  stage: "test",
  step: 0,
  problem,
  question: "How many <b>cats</b> & dogs are there?",
  gold: "12",
  completion: `There are many.\n${"x".repeat(5000)}\n#### 12`,
  answer: "12",
  stop: "eos",
  tokens: 31,
  parts: { correct: 1, format: 1 },
  reward: 1,
  advantage: null,
  outcome: "correct",
  rule: "hash",
  ...over,
});

const summary: EvaluationSummary = {
  name: "test",
  accuracy: 0.5,
  ci95: [0.0945, 0.9055],
  formatAccuracy: 0.5,
  n: 2,
  seconds: 3,
  flexibleAccuracy: 0.75,
  meanLength: 31,
  truncatedShare: 0.5,
  outcomes: { correct: 1, wrong: 0, format: 0, truncated: 1, ungradable: 0 },
  sampled: {
    attempts: 4,
    temperature: 1,
    topP: 0.9,
    passAt: [
      { k: 1, value: 0.25, ci95: [0.1, 0.6] },
      { k: 4, value: 0.625, ci95: [0.2, 0.9] },
    ],
    majority: { value: 0.5, ci95: [0.1, 0.9] },
    meanLength: 30,
    truncatedShare: 0,
  },
  breakdown: [{ by: "level", kind: "5", n: 2, value: 0.5, ci95: [0.1, 0.9] }],
};

test("the page has every response whole, with answer, rule and parts, and what may be filtered", () => {
  const records = [
    record("p/1", {}),
    record("p/1", { sample: 1, completion: "a further attempt", answer: "9", outcome: "wrong", parts: { correct: 0 } }),
    record("p/2", { outcome: "truncated", stop: "length", answer: null, rule: null, parts: { correct: 0, format: 0 } }),
  ];
  const page = renderEvaluation({ title: "runs/<a>", version: "1", facts: { split: "test" }, summary, records });
  expect(markupProblems(page)).toEqual([]);
  expect(page).toContain("runs/&lt;a&gt;");
  expect(page).toContain("<b>cats".replace("<", "&lt;").replace(">", "&gt;"));
  expect(page.match(/x{5000}/g)).toHaveLength(2);
  expect(page).toContain("a further attempt");
  expect(page).toContain("by rule hash");
  expect(page).toMatch(/1 further attempts?, 0 right/);
  expect(page.match(/<button[^>]*data-show="(\w+)"/g)).toHaveLength(3);
  expect(page.match(/class="attempt \w+ o-(\w+)"/g)).toEqual([
    'class="attempt right o-correct"',
    'class="attempt wrong o-truncated"',
  ]);
  expect(page).toContain("1 of 2 problems answered right: 50.0 %");
  expect(page).not.toMatch(/(src|href)="https?:/);
});

test("a terminal shows what came of the attempts, and kinds of problems", () => {
  expect(evaluationText(summary, { limit: 64 })).toBe(
    [
      "outcomes   1 correct, 1 truncated",
      "flexible   75.0 %, the last number counted where the format marks none",
      "length     31 tokens on average, 50.0 % cut off at 64",
      "pass@1     25.0 % (10.0 – 60.0)",
      "pass@4     62.5 % (20.0 – 90.0)",
      "maj@4      50.0 % (10.0 – 90.0), of 4 attempts at temperature 1, top-p 0.9",
      "",
      "level   accuracy   95 % interval   n",
      "────────────────────────────────────",
      "5         50.0 %     10.0 – 90.0   2",
    ].join("\n"),
  );
  expect(evaluationText({}, { limit: 64 })).toBe("");
});
