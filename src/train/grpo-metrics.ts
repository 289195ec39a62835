import { hasSpread } from "../advantage/group.ts";
import { mean, sampleDeviation } from "../base/statistics.ts";
import type { RatioRange } from "../loss/importance.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Rollout } from "../rollout/rollout.ts";
import type { UpdateReport } from "./grpo-update.ts";

/** What one GRPO step did, for `grpoMetrics`. */
export interface StepOutcome {
  groups: readonly ScoredGroup[];
  rollout: Rollout;
  /** Rounds of further prompts that were sampled. */
  rounds: number;
  /** KL taken off rewards, a token mean; null: none was. */
  kl?: number | null;
  /** The weight of KL, where the loss does not decide it. */
  klCoefficient?: number;
  update: UpdateReport;
  learningRate: number;
  /** Passes over the prompts, at the end of the step. */
  epoch: number;
  /** Of sampling; of grading; of the whole step. */
  rolloutSeconds: number;
  scoreSeconds: number;
  seconds: number;
  /** FLOPs of sampling. */
  rolloutFlops: number;
  /** FLOP/s that `perf/mfu` is a share of; null leaves it out. */
  peakFlops: number | null;
  peakMemoryMb: number;
}

/**
 * What one GRPO step reports, under TRL's names.
 *
 * - `reward_std`: mean over groups of the sample deviation. `rewards/NAME/mean` and `/std` (sample deviation) are over all
 *   attempts that have the part; `/ungraded` counts those that have not, where there are some.
 * - `entropy`: mean over all sampled tokens, nats, as they were sampled.
 * - `kl` (by the loss's estimator), `clip_ratio/*` and `cispo_clip_ratio`: token means over the groups that were trained on,
 *   in the last update; absent on a step without any, `kl` also without a reference. Where KL is taken off rewards, `kl` is
 *   over all sampled tokens. `kl_coef`: its weight, where that may change. `low_min` and `high_max` are the extremes over micro-batches.
 * - `completions/*_terminated_length`: of the attempts that ended; 0 when none did.
 * - `sampling/sampling_logp_difference/max`: absent where the update took the sampler's activations over.
 * - `sampling/importance_sampling_ratio/*`: of the tokens that were trained on, trainer over sampler, as cut; only with
 *   `importance`.
 * - `rollout/tokens_per_pass`: tokens sampled by forward passes, prompts' included. `rollout/draft_accepted`: the share of
 *   drafted tokens that an attempt came to; absent on a step that drafted none. Like seconds they tell how sampling went, not
 *   what it gave: a resumed run has no drafts at first, and its numbers here are others than those of one without a stop.
 * - `curriculum/passed_over`: prompts that were passed over as too easy or too hard; only with a curriculum by solve rate.
 * - `resample/rounds`: rounds of further prompts; absent on a step without any.
 * - `perf/tokens_per_second`: prompt and completion tokens of the step, each prompt once, by the time of the whole step.
 * - `perf/peak_memory_mb`: see `peakMemoryMb`; `aux_loss`: see `balanceLoss`, absent when it is off.
 */
export function grpoMetrics(outcome: StepOutcome): Record<string, number> {
  const { groups, rollout, update, seconds } = outcome;
  const attempts = groups.flatMap(({ attempts: list }) => list);
  const lengths = attempts.map(({ tokens }) => tokens.length);
  const ended = attempts.filter(({ stop }) => stop !== "length").map(({ tokens }) => tokens.length);
  const metrics: Record<string, number> = {
    loss: update.loss,
    reward: mean(groups.flatMap(({ rewards }) => rewards)),
    reward_std: mean(groups.map(({ rewards }) => sampleDeviation(rewards))),
    frac_reward_zero_std: mean(groups.map(({ rewards }) => (hasSpread(rewards) ? 0 : 1))),
    ...partMetrics(groups),
    ...lossMetrics(update),
    entropy: tokenMean(rollout),
    "completions/mean_length": mean(lengths),
    "completions/min_length": smallest(lengths),
    "completions/max_length": largest(lengths),
    "completions/clipped_ratio": mean(attempts.map(({ stop }) => (stop === "length" ? 1 : 0))),
    "completions/mean_terminated_length": mean(ended),
    "completions/min_terminated_length": smallest(ended),
    "completions/max_terminated_length": largest(ended),
    grad_norm: update.gradNorm,
    learning_rate: outcome.learningRate,
    epoch: outcome.epoch,
    step_time: seconds,
    "perf/tokens_per_second": (promptTokens(groups) + rollout.tokenCount) / seconds,
    "perf/peak_memory_mb": outcome.peakMemoryMb,
    "rollout/seconds": outcome.rolloutSeconds,
    "rollout/tokens_per_pass": rollout.tokenCount / rollout.passes,
    "score/seconds": outcome.scoreSeconds,
    "update/seconds": update.seconds,
  };
  const { kl, klCoefficient } = outcome;
  if (kl !== undefined && kl !== null) metrics.kl = kl;
  if (klCoefficient !== undefined) metrics.kl_coef = klCoefficient;
  if (update.importance) Object.assign(metrics, importanceMetrics(update.importance));
  if (rollout.drafted > 0) metrics["rollout/draft_accepted"] = rollout.accepted / rollout.drafted;
  if (outcome.rounds > 0) metrics["resample/rounds"] = outcome.rounds;
  if (update.samplerGap !== null) metrics["sampling/sampling_logp_difference/max"] = update.samplerGap;
  if (update.auxLoss !== null) metrics.aux_loss = update.auxLoss;
  if (outcome.peakFlops !== null)
    metrics["perf/mfu"] = (update.flops + outcome.rolloutFlops) / seconds / outcome.peakFlops;
  return metrics;
}

const importanceMetrics = ({ min, max, sum, tokens }: RatioRange): Record<string, number> => ({
  "sampling/importance_sampling_ratio/min": min,
  "sampling/importance_sampling_ratio/mean": sum / tokens,
  "sampling/importance_sampling_ratio/max": max,
});

function partMetrics(groups: readonly ScoredGroup[]): Record<string, number> {
  const metrics: Record<string, number> = {};
  const all = groups.flatMap(({ parts }) => parts);
  for (const name of new Set(all.flatMap((parts) => Object.keys(parts)))) {
    const values = all.flatMap((parts) => parts[name] ?? []);
    if (values.length < all.length) metrics[`rewards/${name}/ungraded`] = all.length - values.length;
    if (values.length === 0) continue;
    metrics[`rewards/${name}/mean`] = mean(values);
    metrics[`rewards/${name}/std`] = sampleDeviation(values);
  }
  return metrics;
}

/** Token means of what the loss summed, and the extremes of clipping. */
function lossMetrics({ batches }: UpdateReport): Record<string, number> {
  const metrics: Record<string, number> = {};
  const tokens = batches.reduce((sum, batch) => sum + batch.tokens, 0);
  for (const name of Object.keys(batches[0]?.sums ?? {}))
    metrics[name] = batches.reduce((sum, batch) => sum + (batch.sums[name] ?? 0), 0) / tokens;
  const shares = (name: string) => batches.map((batch) => batch.sums[name] / batch.tokens);
  if ("clip_ratio/low_mean" in metrics) metrics["clip_ratio/low_min"] = smallest(shares("clip_ratio/low_mean"));
  if ("clip_ratio/high_mean" in metrics) metrics["clip_ratio/high_max"] = largest(shares("clip_ratio/high_mean"));
  return metrics;
}

function tokenMean({ attempts, tokenCount }: Rollout): number {
  let sum = 0;
  for (const group of attempts)
    for (const { entropies } of group) for (let t = 0; t < entropies.length; t++) sum += entropies[t];
  return tokenCount === 0 ? 0 : sum / tokenCount;
}

const promptTokens = (groups: readonly ScoredGroup[]) =>
  groups.reduce((sum, { prompt }) => sum + prompt.tokens.length, 0);

/** 0 for an empty list. */
const smallest = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((least, value) => Math.min(least, value));

/** 0 for an empty list. */
const largest = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((most, value) => Math.max(most, value));
