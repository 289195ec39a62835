import { mean, sampleDeviation } from "../base/statistics.ts";
import { attemptKl } from "../loss/kl-estimators.ts";
import { grpoMetrics, type StepOutcome } from "./grpo-metrics.ts";
import type { Experience } from "./ppo-experience.ts";
import type { PpoUpdateReport } from "./ppo-update.ts";

/** What one PPO step did, for `ppoMetrics`. */
export interface PpoOutcome extends StepOutcome {
  update: PpoUpdateReport;
  experience: Experience;
  valueLearningRate: number;
}

/**
 * What one PPO step reports: what `grpoMetrics` does, and under TRL's names what a critic adds.
 *
 * - `loss`, `loss/policy`, `loss/value`, `val/clipfrac`, `policy/approxkl`, `kl`, `clip_ratio/*`, `grad_norm`, `value_grad_norm`:
 *   over all updates of the step. `policy/updates`: how many there were; fewer than asked for with `klStop`.
 * - `objective/kl`: mean over attempts of Σ logp − refLogp over their tokens, as they were sampled; absent without a reference.
 * - `values/mean`, `values/std`, `returns/mean`, `values/explained_variance` and `advantages/std` (before whitening): over what
 *   the critic is trained on, before any update: every token's value, or (`sequence`) every attempt's.
 * - What speaks of a group's spread (`reward_std`, `frac_reward_zero_std`) is absent where groups have one attempt.
 */
export function ppoMetrics(outcome: PpoOutcome): Record<string, number> {
  const { groups, update, experience } = outcome;
  const { values, returns, advantages } = experience.judged;
  const metrics: Record<string, number> = {
    ...grpoMetrics(outcome),
    "values/mean": mean(values),
    "values/std": sampleDeviation(values),
    "values/explained_variance": explainedVariance(values, returns),
    "returns/mean": mean(returns),
    "advantages/std": sampleDeviation(advantages),
    "policy/updates": update.updates,
    value_grad_norm: update.headGradNorm,
    value_learning_rate: outcome.valueLearningRate,
  };
  const drift = experience.attempts_PG
    .flat()
    .flatMap(({ oldLogps, refLogps }) => (refLogps ? [attemptKl("k1", oldLogps, refLogps)] : []));
  if (drift.length > 0) metrics["objective/kl"] = mean(drift);
  if (groups.every(({ attempts }) => attempts.length === 1))
    for (const name of ["reward_std", "frac_reward_zero_std"]) delete metrics[name];
  return metrics;
}

/** 1 − Var(returns − values) / Var(returns): 1 for a perfect critic, 0 for one that says the mean; 0 for equal returns. */
export function explainedVariance(values: readonly number[], returns: readonly number[]): number {
  const spread = sampleDeviation(returns) ** 2;
  return spread === 0 ? 0 : 1 - sampleDeviation(returns.map((value, i) => value - values[i])) ** 2 / spread;
}
