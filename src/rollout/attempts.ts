import { ConfigError } from "../base/errors.ts";
import type { Attempt, PromptedAttempt, RewardParts } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";

/** What the loops ask of a task: what ends a completion, how ids read, and what an attempt is worth. */
export interface Grading {
  /** The token, or tokens, that end a completion. */
  eosId: number | readonly number[];
  decode(tokens: readonly number[]): string;
  /**
   * Named reward parts of every attempt, in order; `correct` and `format` (0 or 1, null where it cannot be said) are always
   * among them. Asked once for a whole batch, so that what grades slowly can do so side by side.
   */
  grade(scored: readonly PromptedAttempt[]): Promise<RewardParts[]>;
  /** The attempt as it is graded, where that is not all of it: without the text that stopped it. */
  settled?(attempt: Attempt): Attempt;
  /** The answer that was found in the attempt, or null. */
  extract(attempt: Attempt, prompt: Prompt): string | null;
  /** What found that answer, e.g. `answer-tag`; null where there is none. Left out where answers stand in one place only. */
  ruleOf?(attempt: Attempt, prompt: Prompt): string | null;
}

/**
 * The parts of every attempt, in order.
 *
 * @throws ConfigError when the grading returns another number of them
 */
export async function gradeAttempts(
  grading: Pick<Grading, "grade">,
  scored: readonly PromptedAttempt[],
): Promise<RewardParts[]> {
  const parts = await grading.grade(scored);
  if (parts.length !== scored.length)
    throw new ConfigError(
      `grading: expected the parts of ${scored.length} attempts, got ${parts.length}; return one for each, in order`,
    );
  return parts;
}

/** A sampled completion with its text. */
export function toAttempt(sampled: SampledAttempt, grading: Pick<Grading, "decode">): Attempt {
  const { tokens, logps, stop, expertIds } = sampled;
  return { tokens, logps, stop, text: grading.decode(tokens), ...(expertIds && { expertIds }) };
}
