import type { Prompt } from "./problem.ts";

/** Why a completion ends: with the end token, with a stop token or stop string, or cut off at the length limit. */
export type StopReason = "eos" | "stop" | "length";

/** One sampled completion. */
export interface Attempt {
  /** Completion token ids, what ended it included. */
  tokens: number[];
  /** Log-probability of each token when it was sampled: full distribution at the sampling temperature. */
  logps: Float32Array | Float64Array;
  stop: StopReason;
  text: string;
  /**
   * [mixture layers × tokens × active experts]: the experts of the row that predicted each token, likeliest first; left
   * out where they were not kept.
   */
  expertIds?: Uint8Array | Uint16Array;
}

/** An attempt, and the prompt it answers. */
export interface PromptedAttempt {
  attempt: Attempt;
  prompt: Prompt;
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
