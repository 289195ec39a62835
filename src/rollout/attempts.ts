import type { Attempt } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import type { SampledAttempt } from "./generation.ts";

/** What the loops ask of a task: its end token, how ids read, and what an attempt is worth. */
export interface Grading {
  eosId: number;
  decode(tokens: readonly number[]): string;
  /** Named reward parts; `correct` (0 or 1) and `format` (0 or 1) are always among them. */
  grade(attempt: Attempt, prompt: Prompt): Record<string, number | null>;
  /** The answer that was found in the attempt, or null. */
  extract(attempt: Attempt, prompt: Prompt): string | null;
}

/** A sampled completion with its text. */
export function toAttempt(sampled: SampledAttempt, grading: Pick<Grading, "decode">): Attempt {
  return { tokens: sampled.tokens, logps: sampled.logps, stop: sampled.stop, text: grading.decode(sampled.tokens) };
}
