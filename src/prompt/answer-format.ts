import { DataError } from "../base/errors.ts";
import type { Problem } from "../records/problem.ts";

/** The ways a completion may mark its answer. */
export const ANSWER_FORMATS = ["think-answer", "r1-zero", "working-out", "hash", "boxed"] as const;

/** One of `ANSWER_FORMATS`. */
export type AnswerFormatName = (typeof ANSWER_FORMATS)[number];

/** An answer that was found in a completion. */
export interface ExtractedAnswer {
  /** Without outer spaces; never empty. */
  answer: string;
  /** What found it, e.g. `answer-tag`. */
  rule: string;
}

/** How a completion marks its reasoning and its answer. Texts are those of completions, without the end token. */
export interface AnswerFormat {
  name: AnswerFormatName;
  /** What tells a model to answer so. */
  instruction: string;
  /** What every prompt ends with, so that completions go on from there; empty for none. */
  opening: string;
  /** Completions may be stopped as soon as one of these is written. */
  stops: readonly string[];
  /** Whether a mark closes the answer. Where none does, an answer at the very end of a cut-off completion may be cut off. */
  closed: boolean;
  /** Prompt for a model without a chat template; the opening is part of it. */
  plainPrompt(question: string, instruction: string): string;
  /**
   * The completion to be imitated.
   * @throws DataError when the format shows reasoning and the problem has no solution
   */
  completion(problem: Problem): string;
  /** Whether a completion is well formed. */
  matches(completion: string): boolean;
  /** The answer a completion gives, or null. */
  extract(completion: string): ExtractedAnswer | null;
}

/** An answer found by a rule; null when there is nothing in it. */
export function found(answer: string, rule: string): ExtractedAnswer | null {
  const trimmed = answer.trim();
  return trimmed === "" ? null : { answer: trimmed, rule };
}

/** Instruction, question and a cue, each on lines of their own; ends with a line end, where a completion starts afresh. */
export function askPlainly(question: string, instruction: string): string {
  return `${instruction === "" ? "" : `${instruction}\n\n`}Question: ${question}\nAnswer:\n`;
}

/**
 * The worked solution of a problem.
 * @throws DataError when it has none
 */
export function requireSolution(problem: Problem, format: AnswerFormatName): string {
  if (problem.solution !== undefined) return problem.solution;
  throw new DataError(
    `problem ${problem.id}: the format ${format} shows reasoning, expected a worked solution, got none; ` +
      "name the column of solutions, or supervise in the format hash or boxed",
  );
}
