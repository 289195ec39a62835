import { z } from "zod";
import { ConfigError } from "../../base/errors.ts";
import { compare, multiply, type Rational, rational, subtract } from "../../data/rational.ts";
import type { AnswerFormat, AnswerFormatName } from "../../prompt/answer-format.ts";
import type { Problem } from "../../records/problem.ts";
import { lastNumber, readNumber } from "../number-text.ts";
import { type JudgeAnswer, ofEachInTime, rewardKind } from "../reward-kind.ts";

/** The marks a format is made of; the last opening one stands before the answer. */
const ELEMENTS: Readonly<Record<AnswerFormatName, { all: readonly string[]; beforeAnswer: string }>> = {
  "working-out": {
    all: ["<start_working_out>", "<end_working_out>", "<SOLUTION>", "</SOLUTION>"],
    beforeAnswer: "<SOLUTION>",
  },
  "think-answer": { all: ["<think>", "</think>", "<answer>", "</answer>"], beforeAnswer: "<answer>" },
  "r1-zero": { all: ["</think>", "<answer>", "</answer>"], beforeAnswer: "<answer>" },
  hash: { all: ["####"], beforeAnswer: "####" },
  boxed: { all: ["\\boxed"], beforeAnswer: "\\boxed" },
};

/** The four parts of the cookbook's reward, at its own scale. */
export type CookbookParts = {
  /** 3 for a completion in exactly the format, else 0. */
  exactFormat: number;
  /** 0.5 for each mark of the format that stands there exactly once, −0.5 for each that does not. */
  elements: number;
  /**
   * By the marked answer: 3 where it is the gold one, 1.5 within 10 % of it, 0.5 within 20 %, −0.5 where it is wrong or
   * missing. Null where the gold answer cannot be graded.
   */
  closeness: number | null;
  /** 1.5 where the last number after the mark before the answer is the gold one, else 0; null where the gold one is no number. */
  extraction: number | null;
};

/**
 * Scores a completion by the four functions of the cookbook (exact format, approximate format, answer, number extraction).
 *
 * Departures from it: an answer within p % is one with |answer − gold| ≤ p · |gold|, exactly, where the quotient of the two
 * was taken, which has no value at gold 0; numbers keep their sign; a missing answer costs what a wrong one does, where it
 * cost less; of several numbers after the mark the last one counts.
 */
export async function cookbookParts(
  text: string,
  problem: Pick<Problem, "answer">,
  format: Pick<AnswerFormat, "name" | "matches" | "extract">,
  judge: JudgeAnswer,
): Promise<CookbookParts> {
  const { all, beforeAnswer } = ELEMENTS[format.name];
  const gold = readNumber(problem.answer)?.value ?? null;
  const answer = format.extract(text)?.answer ?? "";
  const { equal } = await judge(answer, problem.answer);
  const marked = text.lastIndexOf(beforeAnswer);
  const written = marked < 0 ? null : readNumber(lastNumber(text.slice(marked + beforeAnswer.length)) ?? "");
  return {
    exactFormat: format.matches(text) ? 3 : 0,
    elements: all.reduce((sum, mark) => sum + (text.split(mark).length === 2 ? 0.5 : -0.5), 0),
    closeness:
      equal === null ? null : equal ? 3 : gold === null ? -0.5 : closenessOf(readNumber(answer)?.value ?? null, gold),
    extraction: gold === null ? null : written !== null && compare(written.value, gold) === 0 ? 1.5 : 0,
  };
}

/** What a number that is not the gold one earns. */
function closenessOf(answer: Rational | null, gold: Rational): number {
  if (answer === null) return -0.5;
  const distance = subtract(answer, gold);
  const within = (percent: bigint) =>
    compare(magnitude(distance), multiply(magnitude(gold), rational(percent, 100n))) <= 0;
  return within(10n) ? 1.5 : within(20n) ? 0.5 : -0.5;
}

const magnitude = ({ numerator, denominator }: Rational): Rational => ({
  numerator: numerator < 0n ? -numerator : numerator,
  denominator,
});

/** `cookbook`: the sum of `cookbookParts`, in the task's format. */
export const cookbook = rewardKind({
  tasks: "words",
  options: z.strictObject({}),
  make(_, { format, judge }) {
    if (format === null)
      throw new ConfigError("rewards: cookbook: expected problems in words, got expressions; leave it out");
    return {
      weights: { exactFormat: 1, elements: 1, closeness: 1, extraction: 1 },
      score: ofEachInTime(({ text }, problem) => cookbookParts(text, problem, format, judge)),
    };
  },
});
