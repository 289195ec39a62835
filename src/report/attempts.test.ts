import { expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import type { AttemptRecord } from "../records/events.ts";
import { attemptSection, isRight, pickAttempts } from "./attempts.ts";

const attempt = (rest: Partial<AttemptRecord>): AttemptRecord => ({
  stage: "grpo",
  step: 1,
  problem: "p",
  question: "1+2",
  gold: "3",
  completion: "1+2=3<answer>3<eos>",
  answer: "3",
  stop: "eos",
  tokens: 9,
  parts: { correct: 1 },
  reward: 1,
  advantage: 0.5,
  ...rest,
});

test("the grader's word comes before equality of text", () => {
  expect(isRight(attempt({ answer: "2/6", gold: "1/3" }))).toBe(true);
  expect(isRight(attempt({ parts: { correct: 0 } }))).toBe(false);
  expect(isRight(attempt({ parts: { correct: null } }))).toBe(true);
  expect(isRight(attempt({ parts: {}, answer: "4" }))).toBe(false);
  expect(isRight(attempt({ parts: {}, answer: null }))).toBe(false);
});

test("the latest attempts are picked, each question once per outcome", () => {
  const { right, wrong } = pickAttempts(
    [
      attempt({ step: 1, question: "a" }),
      attempt({ step: 9, question: "b" }),
      attempt({ step: 8, question: "b" }),
      attempt({ step: 7, question: "c" }),
      attempt({ step: 9, question: "d", parts: { correct: 0 } }),
    ],
    2,
  );
  expect(right.map(({ question, step }) => [question, step])).toEqual([
    ["b", 9],
    ["c", 7],
  ]);
  expect(wrong.map(({ question }) => question)).toEqual(["d"]);
});

test("a seed draws other attempts, the same ones each time", () => {
  const many = Array.from({ length: 60 }, (_, i) => attempt({ step: i, question: String(i) }));
  const drawn = (seed: number) => pickAttempts(many, 3, seed).right.map(({ step }) => step);
  expect(drawn(1)).toEqual(drawn(1));
  const seen = new Set(Array.from({ length: 20 }, (_, seed) => drawn(seed)).flat());
  expect(seen.size).toBeGreaterThan(25);
  expect(pickAttempts(many, 3).right.map(({ step }) => step)).toEqual([59, 58, 57]);
});

test("an attempt shows steps, answer, gold when wrong, reward parts and advantage", () => {
  const text =
    attemptSection([
      attempt({
        parts: { correct: 0, format: 1, length: null },
        reward: 0.2,
        answer: "4",
        advantage: -1.2247,
        stop: "length",
      }),
    ])?.text ?? "";
  expect(markupProblems(text)).toEqual([]);
  expect(text).toContain("✗ wrong");
  expect(text).toContain("<li><code>1+2=3</code></li>");
  expect(text).toContain("answer <code>4</code>, expected <code>3</code>");
  expect(text).toContain("cut off at the length limit");
  expect(text).toContain("<dt>length</dt><dd>not scored</dd>");
  expect(text).toContain("<dt>advantage</dt><dd>−1.22</dd>");
  expect(attemptSection([])).toBeNull();
});

test("a rambling completion is cut and says so", () => {
  const text = attemptSection([attempt({ completion: "1+1=2, ".repeat(5000) })])?.text ?? "";
  expect(text).toContain("the rest of 35,000 characters is left out");
  expect(text.length).toBeLessThan(8000);
});

test("what is asked and answered in words is shown as text, line breaks kept", () => {
  const question = "Ada has 3 pens & buys 4. How many has she?";
  const completion = "She had 3, then 4 more.\n\n3 + 4 = 7\n#### 7";
  const parts = { correct: 1, format: 1, flexible: 1 };
  const told = { question, completion, answer: "7", gold: "7", parts, advantage: null, step: 12 };
  const text = attemptSection([attempt(told)])?.text ?? "";
  expect(markupProblems(text)).toEqual([]);
  expect(text).toContain(`<p class="question">Ada has 3 pens &amp; buys 4. How many has she?</p>`);
  expect(text).toContain(`<div class="said">${completion}</div>`);
  expect(text).not.toContain("<ol");
  expect(text).toContain("<dt>flexible</dt><dd>1</dd>");
  // Of a measured attempt the step is the stage's last, whichever it is.
  expect(text).not.toContain("<dt>step</dt>");
  const long = attemptSection([attempt({ ...told, completion: "so on and so on\n".repeat(5000), answer: null })])?.text;
  expect(long).toContain("the rest of 80,000 characters is left out");
  expect(long).toContain(`<p class="answer none">`);
});
