import { DataError } from "../base/errors.ts";
import { type DigitOrder, orderDigits } from "../data/steps/notation.ts";
import type { Demonstration, Problem, Prompt } from "../records/problem.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What stands before the result. */
export const ANSWER_MARK = "<answer>";
/** What ends the sequence. */
export const END_MARK = "<eos>";

/**
 * The digit order an arithmetic problem is to be answered in.
 * @throws DataError when `meta.digitOrder` is missing or unknown
 */
export function digitOrderOf(problem: Problem): DigitOrder {
  const order = problem.meta?.digitOrder;
  if (order === "big" || order === "little") return order;
  throw new DataError(
    `arithmetic problem ${problem.id}: expected meta.digitOrder big or little, got ${order}; ` +
      "make problems with generateProblems or problemFromText",
  );
}

/**
 * `<sos><big|little>expression<scratchpad>`; without a scratchpad the prompt ends with the expression.
 * @throws DataError when `meta.digitOrder` is missing or unknown
 */
export function promptText(problem: Problem): string {
  const scratchpad = problem.meta?.scratchpad === false ? "" : "<scratchpad>";
  return `<sos><${digitOrderOf(problem)}>${problem.question}${scratchpad}`;
}

/**
 * `steps<answer>result<eos>`, in the problem's digit order; without a scratchpad the steps are absent.
 * @throws DataError when the problem wants steps and has no worked solution
 */
export function completionText(problem: Problem): string {
  if (problem.meta?.scratchpad !== false && problem.solution === undefined) {
    throw new DataError(
      `arithmetic problem ${problem.id}: expected a worked solution, got none; ` +
        "problems of the reinforcement split have only answers: draw demonstrations from another",
    );
  }
  const result = orderDigits(problem.answer, digitOrderOf(problem));
  return `${problem.solution ?? ""}${ANSWER_MARK}${result}${END_MARK}`;
}

/**
 * The prompt of an arithmetic problem as token ids.
 * @throws DataError when the question has characters the vocabulary lacks, or `meta.digitOrder` is unknown
 */
export function arithmeticPrompt(problem: Problem, tokenizer: Tokenizer): Prompt {
  return { problem, tokens: tokenizer.encode(promptText(problem)) };
}

/**
 * The prompt and its worked completion as token ids.
 * @throws DataError when the problem wants steps and has no worked solution
 */
export function arithmeticDemonstration(problem: Problem, tokenizer: Tokenizer): Demonstration {
  return { prompt: arithmeticPrompt(problem, tokenizer), completion: tokenizer.encode(completionText(problem)) };
}
