import { groupAdvantages } from "../advantage/group.ts";
import { ConfigError } from "../base/errors.ts";
import { grpoLoss } from "../loss/grpo.ts";
import type { KlEstimator } from "../loss/kl-estimators.ts";
import type { Loss } from "../loss/token-batch.ts";
import { completeSampling, type SamplingOptions } from "../rollout/sampling.ts";
import type { ScheduleOptions } from "../update/schedule.ts";
import type { Curriculum } from "./curriculum.ts";

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
  /** In which order prompts come; default `none`. */
  curriculum?: Curriculum;
  /** How KL to the run's reference counts, where it is not left to the loss's own weight; default null. */
  kl?: KlOptions | null;
  /** Leave attempts that were cut at the length limit out of the update; they still count in baselines. Default false. */
  maskTruncated?: boolean;
  /** Share of the trained tokens, those of highest entropy, that the algorithm's own term is of; default 1. */
  topEntropyQuantile?: number;
  /**
   * Correct for attempts that another engine sampled, see `importanceRatios`; default null. The first update on a rollout
   * then measures ratios from the trainer's own log-probabilities, which our own sampler's are.
   */
  importance?: { cap: number; level: "token" | "sequence" } | null;
  /** Rounds of further prompts, at most, where groups had no spread; default 0. */
  resample?: number;
  /**
   * Draft attempts from earlier ones at the same problem, where activations are not kept (see `roomToKeepAll`); they are the
   * same bits, sooner. Default true.
   */
  drafts?: boolean;
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

/** How KL to the reference counts. */
export interface KlOptions {
  /** Its weight, at the start. */
  coefficient: number;
  /** Added to the loss, with the loss's own estimator, or taken off each attempt's reward. */
  in: "loss" | "reward";
  /** Of KL in the reward; default `k1`. */
  estimator?: KlEstimator;
  /** KL, as a token mean, that the weight is steered to, see `adaptKlCoefficient`; left out: it stays. */
  target?: number;
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
 * @throws ConfigError listing every option that is out of range; of sampling's separately
 */
export function completeGrpoOptions(options: GrpoTrainingOptions): CompleteGrpoOptions {
  const { promptsPerStep = 32, group = 8, updatesPerRollout = 1, microBatchTokens = 8192 } = options;
  const counts = { promptsPerStep, group, updatesPerRollout, microBatchTokens };
  const wrong = Object.entries(counts)
    .filter(([, value]) => !Number.isInteger(value) || value < 1)
    .map(([name, value]) => `${name}: expected a whole number from 1, got ${value}`);
  const require = (name: string, value: number, holds: boolean, expected: string) => {
    if (!holds) wrong.push(`${name}: expected ${expected}, got ${value}`);
  };
  const { resample = 0, topEntropyQuantile: share = 1, importance, kl } = options;
  require("resample", resample, Number.isInteger(resample) && resample >= 0, "a whole number from 0");
  require("topEntropyQuantile", share, share > 0 && share <= 1, "a number above 0 and up to 1");
  if (importance) require("importance.cap", importance.cap, importance.cap > 0, "a number above 0");
  if (kl) require("kl.coefficient", kl.coefficient, kl.coefficient >= 0, "a number from 0");
  if (kl?.target !== undefined) require("kl.target", kl.target, kl.target > 0, "a number above 0");
  if (wrong.length > 0) throw new ConfigError(`GRPO: ${wrong.join("; ")}`);
  return {
    ...counts,
    resample,
    drafts: options.drafts ?? true,
    curriculum: options.curriculum ?? "none",
    kl: kl ?? null,
    maskTruncated: options.maskTruncated ?? false,
    topEntropyQuantile: share,
    importance: importance ?? null,
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
