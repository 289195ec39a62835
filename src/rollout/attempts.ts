import type { Attempt } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import type { SampledAttempt } from "./generation.ts";

/** What the loops ask of a task: what ends a completion, how ids read, and what an attempt is worth. */
export interface Grading {
  /** The token, or tokens, that end a completion. */
  eosId: number | readonly number[];
  decode(tokens: readonly number[]): string;
  /** Named reward parts; `correct` (0 or 1) and `format` (0 or 1) are always among them. */
  grade(attempt: Attempt, prompt: Prompt): Record<string, number | null>;
  /** The answer that was found in the attempt, or null. */
  extract(attempt: Attempt, prompt: Prompt): string | null;
}

/** A sampled completion with its text. */
export function toAttempt(sampled: SampledAttempt, grading: Pick<Grading, "decode">): Attempt {
  const { tokens, logps, stop, expertIds } = sampled;
  return { tokens, logps, stop, text: grading.decode(tokens), ...(expertIds && { expertIds }) };
}
