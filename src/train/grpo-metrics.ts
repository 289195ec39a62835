import { mean, sampleDeviation } from "../base/statistics.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Rollout } from "../rollout/rollout.ts";
import type { GrpoTrainingOptions } from "./grpo-options.ts";
import type { UpdateReport } from "./grpo-update.ts";

interface StepOutcome {
  groups: readonly ScoredGroup[];
  live: readonly number[];
  rollout: Rollout;
  update: UpdateReport;
  learningRate: number;
  rolloutSeconds: number;
  /** FLOPs of sampling. */
  rolloutFlops: number;
  seconds: number;
}

/**
 * What one GRPO step reports, under TRL's names. `reward_std` is the mean over groups of the sample deviation;
 * `kl`, `entropy` and `clip_ratio/*` are token means over the groups with spread, in the last update.
 */
export function grpoMetrics(outcome: StepOutcome, options: GrpoTrainingOptions): Record<string, number> {
  const { groups, live, rollout, update, seconds } = outcome;
  const attempts = groups.flatMap(({ attempts: list }) => list);
  const lengths = attempts.map(({ tokens }) => tokens.length);
  const ended = attempts.filter(({ stop }) => stop === "eos").map(({ tokens }) => tokens.length);
  const metrics: Record<string, number> = {
    loss: update.loss,
    reward: mean(groups.flatMap(({ rewards }) => rewards)),
    reward_std: mean(groups.map(({ rewards }) => sampleDeviation(rewards))),
    frac_reward_zero_std: 1 - live.length / groups.length,
  };
  for (const name of Object.keys(groups[0]?.parts[0] ?? {})) {
    const values = groups.flatMap(({ parts }) => parts.flatMap((part) => part[name] ?? []));
    if (values.length > 0) metrics[`rewards/${name}/mean`] = mean(values);
  }
  for (const [name, sum] of Object.entries(update.sums)) metrics[name] = sum / update.tokens;
  return {
    ...metrics,
    "completions/mean_length": mean(lengths),
    "completions/min_length": Math.min(...lengths),
    "completions/max_length": Math.max(...lengths),
    "completions/clipped_ratio": mean(attempts.map(({ stop }) => (stop === "length" ? 1 : 0))),
    "completions/mean_terminated_length": mean(ended),
    "sampling/sampling_logp_difference/max": update.samplerGap,
    grad_norm: update.gradNorm,
    learning_rate: outcome.learningRate,
    step_time: seconds,
    "perf/tokens_per_second": rollout.tokenCount / seconds,
    "perf/mfu": (update.flops + outcome.rolloutFlops) / seconds / options.peakFlops,
    "rollout/seconds": outcome.rolloutSeconds,
    "update/seconds": update.seconds,
  };
}
