import { equals, parseRational } from "../data/rational.ts";
import { checkSteps } from "../data/steps/check-steps.ts";
import { type DigitOrder, orderDigits } from "../data/steps/notation.ts";
import { ANSWER_MARK, digitOrderOf, END_MARK } from "../prompt/arithmetic-format.ts";
import type { Attempt, RewardParts } from "../records/attempt.ts";
import type { Problem } from "../records/problem.ts";

/**
 * The answer of a completion with the most significant digit first: what stands after the last `<answer>` up to the
 * next `<eos>`. Null where either is missing, since a number cut off is no answer.
 */
export function extractAnswer(completion: string, order: DigitOrder): string | null {
  const start = completion.lastIndexOf(ANSWER_MARK);
  if (start < 0) return null;
  const end = completion.indexOf(END_MARK, start);
  return end < 0 ? null : orderDigits(completion.slice(start + ANSWER_MARK.length, end), order);
}

/** The parts an arithmetic attempt is graded in. */
export interface ArithmeticParts extends RewardParts {
  /** 1 when the answer is exactly the gold value: `2/6` is 1/3 and `007` is 7; text that is no number is wrong. */
  correct: 0 | 1;
  /** 1 when the completion is `…<answer>NUMBER<eos>` and no other mark of a sequence occurs in it. */
  format: 0 | 1;
  /**
   * Share of the worked steps that are true; null where there are none. True is not useful: `1+1=2` scores 1 whatever was
   * asked, so beside `correct` its weight must stay small.
   */
  steps: number | null;
}

const WELL_FORMED = /^[^<>]*<answer>-?\d+(\/\d+)?<eos>$/;

/**
 * Grades the text of a completion, special tokens written out, in the digit order the problem asks for.
 * @throws DataError when the problem is not an arithmetic one
 */
export function gradeArithmetic(completion: string, problem: Problem): ArithmeticParts {
  const order = digitOrderOf(problem);
  const answer = parseRational(extractAnswer(completion, order) ?? "");
  const gold = parseRational(problem.answer);
  const correct = answer !== null && gold !== null && equals(answer, gold);
  const wellFormed = answer !== null && WELL_FORMED.test(completion);
  const worked = checkSteps(completion.split(ANSWER_MARK, 1)[0], order);
  return {
    correct: correct ? 1 : 0,
    format: wellFormed ? 1 : 0,
    steps: worked.total === 0 ? null : worked.correct / worked.total,
  };
}

/** The `Reward` of the arithmetic task; needs the attempt's text with special tokens written out. */
export function arithmeticReward(attempt: Attempt, problem: Problem): ArithmeticParts {
  return gradeArithmetic(attempt.text, problem);
}
