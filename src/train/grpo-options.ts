import { groupAdvantages } from "../advantage/group.ts";
import { ConfigError } from "../base/errors.ts";
import { grpoLoss } from "../loss/grpo.ts";
import type { Loss } from "../loss/token-batch.ts";
import { completeSampling, type SamplingOptions } from "../rollout/sampling.ts";
import type { ScheduleOptions } from "../update/schedule.ts";

/** Everything GRPO training is told, besides the model, the prompts and how to grade. */
export interface GrpoTrainingOptions {
  schedule: ScheduleOptions;
  sampling: SamplingOptions;
  /**
   * What is minimized, as array arithmetic over tokens; default `grpoLoss` with ratios clipped to 0.8 … 1.28, the token
   * mean, beta 0.001 where the run has a reference, and no entropy bonus.
   */
  loss?: Loss;
  /**
   * What each attempt is weighed by, from all rewards of a step, one row per prompt; default `groupAdvantages` scaled by
   * the group. A group whose advantages are all 0 teaches nothing and is left out of the update.
   */
  advantages?: (rewards_PG: readonly (readonly number[])[]) => number[][];
  /** P prompts per step; default 32. */
  promptsPerStep?: number;
  /** G attempts at each, from 2; default 8. */
  group?: number;
  /** Rounds of further prompts, at most, where groups had no spread; default 0. */
  resample?: number;
  /** Optimizer updates on each rollout; default 1. */
  updatesPerRollout?: number;
  /** Rows of one forward and backward pass, at most; default 8192. */
  microBatchTokens?: number;
  /** Compute each block again on the way back instead of keeping its activations; default false. */
  gradientCheckpointing?: boolean;
  /** Weight of the load-balancing loss of mixtures; default 0.01. */
  balanceCoefficient?: number;
  /** Weight of each reward part in the reward; default 1 for `correct`. */
  rewardWeights?: Readonly<Record<string, number>>;
  /** Default 0. */
  seed?: number;
  /** Measured rate of the processor, FLOP/s (see `measurePeakFlops`); without it `perf/mfu` is left out. */
  peakFlops?: number | null;
}

/** GRPO options with nothing left open. */
export type CompleteGrpoOptions = Required<Omit<GrpoTrainingOptions, "sampling">> & {
  sampling: Required<SamplingOptions>;
};

const defaultLoss: Loss = (batch, whole) =>
  grpoLoss(batch, { clipLow: 0.2, clipHigh: 0.28, beta: 0.001, entropyBonus: 0, aggregation: "dapo" }, whole);

/**
 * Fills in what was left out.
 *
 * @throws ConfigError when a count is not a whole number from 1, or a sampling option is out of range
 */
export function completeGrpoOptions(options: GrpoTrainingOptions): CompleteGrpoOptions {
  const { promptsPerStep = 32, group = 8, updatesPerRollout = 1, microBatchTokens = 8192 } = options;
  const counts = { promptsPerStep, group, updatesPerRollout, microBatchTokens };
  const wrong = Object.entries(counts).filter(([, value]) => !Number.isInteger(value) || value < 1);
  if (!Number.isInteger(options.resample ?? 0) || (options.resample ?? 0) < 0)
    wrong.push(["resample", options.resample ?? 0]);
  if (wrong.length > 0)
    throw new ConfigError(
      `GRPO: ${wrong.map(([name, value]) => `${name}: expected a whole number from 1, got ${value}`).join("; ")}`,
    );
  return {
    ...counts,
    resample: options.resample ?? 0,
    schedule: options.schedule,
    sampling: completeSampling(options.sampling),
    loss: options.loss ?? defaultLoss,
    advantages: options.advantages ?? ((rewards_PG) => groupAdvantages(rewards_PG, { scale: "group" })),
    gradientCheckpointing: options.gradientCheckpointing ?? false,
    balanceCoefficient: options.balanceCoefficient ?? 0.01,
    rewardWeights: options.rewardWeights ?? { correct: 1 },
    seed: options.seed ?? 0,
    peakFlops: options.peakFlops ?? null,
  };
}
