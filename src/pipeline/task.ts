import type { Tokenizer } from "../prompt/tokenizer.ts";
import type { Demonstration, Prompt } from "../records/problem.ts";
import type { JudgeAnswer } from "../reward/reward-kind.ts";
import type { Grading } from "../rollout/attempts.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";

/** Problems that training never sees: to choose checkpoints by, or to measure stages on; or those it reinforces. */
export type PromptSplit = "reinforcement" | "validation" | "test";

/** How many problems: exactly so many, as many as there are up to a number, or all there are. */
export type Count = number | { atMost: number } | undefined;

/** What a recipe trains on and is measured by: where its problems come from and how attempts are graded. */
export interface Task {
  tokenizer: Tokenizer;
  grading: Grading;
  /** Says whether an answer means the same as a gold one; rewards ask it, too. Left out: they compare numbers and texts. */
  judge?: JudgeAnswer;
  /** Longest completion, in tokens. */
  maxNewTokens: number;
  /** How completions of this task end, besides the end token. */
  sampling: SamplingOptions;
  /**
   * A fixed set of worked solutions.
   *
   * @throws DataError when there are too few
   */
  demonstrations(count: Count, seed: number): Demonstration[];
  /**
   * Problems of a split.
   *
   * @throws DataError when there are too few
   */
  prompts(split: PromptSplit, count: Count, seed: number): Prompt[];
}
