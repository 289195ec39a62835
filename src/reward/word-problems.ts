import { equals } from "../data/rational.ts";
import type { AnswerFormat } from "../prompt/answer-format.ts";
import type { TextTokenizer } from "../prompt/text-tokenizer.ts";
import type { Attempt, PromptedAttempt, RewardParts, StopReason } from "../records/attempt.ts";
import type { Problem } from "../records/problem.ts";
import { compareAnswers } from "./answer-equivalence.ts";
import { countEquations } from "./equations.ts";
import { type Extraction, extractAnswer } from "./extract-answer.ts";
import { lastNumber, readNumber } from "./number-text.ts";
import type { SyncReward } from "./reward.ts";
import { score } from "./rules.ts";

/** The parts an attempt at a word problem is graded in. */
export interface WordParts extends RewardParts {
  /** 1 when the answer that the format marks is the gold one; 0 without one; null when the gold answer cannot be graded. */
  correct: 0 | 1 | null;
  /** 1 when the completion is well formed. */
  format: 0 | 1;
  /**
   * Like `correct`, but also 1 when the last number of the marked answer, or of the whole completion where none is marked,
   * is the gold one: what a model knows that does not keep to the format.
   */
  flexible: 0 | 1 | null;
  /**
   * Share of the equations written out that are true and made of the question's numbers or earlier results; null where there
   * are none. Rewarded for truth alone, a model soon writes `1 + 1 = 2` under every question (docs/lab-notes.md). Constants
   * that a question leaves unsaid, such as the days of a week, count against it: its weight must stay small.
   */
  steps: number | null;
  /**
   * 1 when the left side of the last equation has the gold answer's value, whatever was written on its right: `34 - 16 = 28`
   * sets the problem up rightly and miscalculates. 0 without an equation, null where the gold answer is no number.
   */
  setup: 0 | 1 | null;
}

/** What grades attempts at word problems in one format, and where it finds their answers. */
export interface WordGrader {
  reward(attempt: Attempt, problem: Problem): RewardParts | Promise<RewardParts>;
  extraction(attempt: Pick<Attempt, "text" | "stop">): Extraction;
}

/**
 * Grades the text of a completion, without the end token.
 *
 * @param stop `length` when it was cut off. Where a format has nothing that closes an answer, the last line of such a
 *   completion is not taken for one: `#### 12` may have been going to be 120
 */
export function gradeWordProblem(
  completion: string,
  problem: Problem,
  format: AnswerFormat,
  stop: StopReason = "eos",
): WordParts {
  const settled = settledText(completion, format, stop);
  const marked = format.extract(settled)?.answer ?? null;
  const strict = compareAnswers(marked ?? "", problem.answer).equal;
  const number = strict === false ? lastNumber(marked ?? completion) : null;
  const flexible = number === null ? strict : compareAnswers(number, problem.answer).equal;
  const { total, grounded, last } = countEquations(completion, problem.question);
  const gold = readNumber(problem.answer);
  return {
    correct: score(strict),
    format: format.matches(settled) ? 1 : 0,
    flexible: score(flexible),
    steps: total === 0 ? null : grounded / total,
    setup: score(gold === null ? null : last !== null && equals(last, gold.value)),
  };
}

/** The `Reward` of word problems in one format, by the rule `number`: answers are equal as numbers, or as texts. */
export function wordReward(format: AnswerFormat): SyncReward {
  return ({ text, stop }, problem) => gradeWordProblem(text, problem, format, stop);
}

/** Grades by the rule `number`. */
function numberGrader(format: AnswerFormat): WordGrader {
  return {
    reward: wordReward(format),
    extraction: ({ text, stop }) => extractAnswer(settledText(text, format, stop), format.name),
  };
}

/**
 * How attempts at word problems are read and graded, as the loops ask it (`Grading`).
 *
 * @param tokenizer a last id among its `stopIds` ends a completion and is no part of its text
 */
export function wordGrading(
  tokenizer: Pick<TextTokenizer, "decode" | "eosId" | "stopIds">,
  format: AnswerFormat,
  grader: WordGrader = numberGrader(format),
) {
  const ends = new Set([tokenizer.eosId, ...tokenizer.stopIds]);
  return {
    eosId: tokenizer.eosId,
    decode: (tokens: readonly number[]) =>
      tokenizer.decode(tokens.length > 0 && ends.has(tokens[tokens.length - 1]) ? tokens.slice(0, -1) : tokens),
    grade: (scored: readonly PromptedAttempt[]): Promise<RewardParts[]> =>
      Promise.all(scored.map(({ attempt, prompt }) => grader.reward(attempt, prompt.problem))),
    extract: (attempt: Attempt) => grader.extraction(attempt).answer,
    ruleOf: (attempt: Attempt) => {
      const { answer, rule } = grader.extraction(attempt);
      return answer === null ? null : rule;
    },
  };
}

/** A completion without a last line that was cut off, in formats where the line's end closes the answer. */
export function settledText(completion: string, format: AnswerFormat, stop: StopReason): string {
  return format.closed || stop !== "length" ? completion : completion.slice(0, completion.lastIndexOf("\n") + 1);
}
