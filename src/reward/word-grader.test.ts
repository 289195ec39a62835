import { expect, test } from "vitest";
import { answerFormats } from "../prompt/answer-formats.ts";
import type { Attempt } from "../records/attempt.ts";
import type { Problem } from "../records/problem.ts";
import { compareAnswers } from "./answer-equivalence.ts";
import type { Judge } from "./grading-pool.ts";
import type { GradingRule } from "./rules.ts";
import { wordGrader } from "./word-grader.ts";

const problem: Problem = { id: "1", question: "How much?", answer: "18" };
const attempt = (text: string, stop: Attempt["stop"] = "eos"): Attempt =>
  ({ tokens: [], logps: [], text, stop }) as never;

/** correct, format and flexible of a completion, and the answer found in it. */
async function graded(
  rule: GradingRule,
  format: keyof typeof answerFormats,
  one: Attempt,
  judge: Judge = compareAnswers,
) {
  const grader = wordGrader(answerFormats[format], { rule, judge });
  const { correct, format: kept, flexible } = await grader.reward(one, problem);
  return [correct, kept, flexible, grader.extraction(one).answer];
}

test("each rule finds and judges the answer its own way", async () => {
  expect(await graded("symbolic", "hash", attempt("#### 18.0"))).toEqual([1, 1, 1, "18.0"]);
  expect(await graded("number", "hash", attempt("#### 18.0"))).toEqual([1, 1, 1, "18.0"]);
  // As text, 18.0 is not 18; as a number, which flexible goes by, it is.
  expect(await graded("gsm8k-strict", "hash", attempt("#### 18.0"))).toEqual([0, 1, 1, "18.0"]);
  // The first mark counts there, the last one elsewhere.
  expect(await graded("gsm8k-strict", "hash", attempt("#### 18\n#### 7"))).toEqual([1, 0, 1, "18"]);
  expect(await graded("symbolic", "hash", attempt("#### 18\n#### 7"))).toEqual([0, 0, 0, "7"]);
  expect(await graded("gsm8k-flexible", "boxed", attempt("\\boxed{7} or 18"))).toEqual([1, 1, 1, "18"]);
  expect(await graded("r1-zero", "r1-zero", attempt("a </think> <answer> 18 </answer>"))).toEqual([1, 1, 1, "18"]);
  expect(await graded("r1-zero", "r1-zero", attempt("a </think><answer> 18 </answer>"))).toEqual([0, 0, 1, null]);
});

test("a last line that was cut off is no answer, but for the harness, which reads what is there", async () => {
  expect(await graded("symbolic", "hash", attempt("#### 18", "length"))).toEqual([0, 0, 1, null]);
  expect(await graded("gsm8k-strict", "hash", attempt("#### 18", "length"))).toEqual([1, 0, 1, "18"]);
});

test("what a judge cannot tell is null, and stays null outside of the format", async () => {
  const judge = async () => ({ equal: null, tier: "symbolic", reason: "too slow" }) as const;
  expect(await graded("symbolic", "hash", attempt("#### 18"), judge)).toEqual([null, 1, null, "18"]);
  // The number rule asks no judge.
  expect(await graded("number", "hash", attempt("#### 18"), judge)).toEqual([1, 1, 1, "18"]);
});

test("the harness's verdicts are further parts where they are asked for", async () => {
  const grader = wordGrader(answerFormats.hash, { rule: "number", judge: compareAnswers, gsm8k: true });
  expect(await grader.reward(attempt("#### 7\nor 18"), problem)).toMatchObject({
    correct: 0,
    "gsm8k-strict": 0,
    "gsm8k-flexible": 1,
  });
});

test("answers that need no thread are graded without a promise", () => {
  const { reward } = wordGrader(answerFormats.hash, { rule: "symbolic", judge: compareAnswers });
  expect(reward(attempt("#### 18"), problem)).not.toBeInstanceOf(Promise);
});
