import type { Prompt } from "./problem.ts";

/** Why a completion ends: with the end token, or cut off at the length limit. */
export type StopReason = "eos" | "length";

/** One sampled completion. */
export interface Attempt {
  /** Completion token ids, the end token included when it was sampled. */
  tokens: number[];
  /** Log-probability of each token when it was sampled: full distribution at the sampling temperature. */
  logps: Float32Array | Float64Array;
  stop: StopReason;
  text: string;
}

/** Named numbers for one attempt; null means not scored, never 0. */
export type RewardParts = Record<string, number | null>;

/** The G attempts at one prompt with their rewards and advantages. */
export interface ScoredGroup {
  prompt: Prompt;
  attempts: Attempt[];
  /** One per attempt, in order. */
  parts: RewardParts[];
  /** Weighted sum of the parts. */
  rewards: number[];
  advantages: number[];
}
