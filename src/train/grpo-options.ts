import type { AdvantageScale } from "../advantage/group.ts";
import type { GrpoOptions } from "../loss/grpo.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";
import type { ScheduleOptions } from "../update/schedule.ts";

/** Everything GRPO training is told, besides the model, the prompts and how to grade. */
export interface GrpoTrainingOptions {
  schedule: ScheduleOptions;
  loss: GrpoOptions;
  sampling: SamplingOptions;
  /** P prompts per step. */
  promptsPerStep: number;
  /** G attempts at each. */
  group: number;
  scale: AdvantageScale;
  /** Optimizer updates on each rollout. */
  updatesPerRollout: number;
  /** Rows of one forward and backward pass, at most. */
  microBatchTokens: number;
  balanceCoefficient: number;
  rewardWeights: Record<string, number>;
  seed: number;
  /** Measured rate of the processor for `perf/mfu`, FLOP/s. */
  peakFlops: number;
}
