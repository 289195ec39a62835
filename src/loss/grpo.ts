import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";

/** What tells one variant of GRPO from another. */
export interface GrpoOptions {
  /** Ratios below 1 − clipLow stop counting. */
  clipLow: number;
  /** Ratios above 1 + clipHigh stop counting. */
  clipHigh: number;
  /** Weight of KL(policy ‖ reference); 0 leaves the reference out. */
  beta: number;
  /** Weight of the entropy bonus. */
  entropyBonus: number;
  /** `grpo`: mean over attempts of each attempt's token mean; `dapo`: mean over all tokens. */
  aggregation: "grpo" | "dapo";
}

/**
 * Group-relative policy optimization, per token:
 * −min(ratio · A, clip(ratio, 1 − clipLow, 1 + clipHigh) · A) + beta · k3 − entropyBonus · H,
 * ratio = exp(logp − oldLogp), k3 = exp(refLogp − logp) − (refLogp − logp) − 1.
 * k3 estimates KL(policy ‖ reference) without bias and is never negative.
 *
 * Sums: `clip_ratio/low_mean`, `clip_ratio/high_mean`, `clip_ratio/region_mean`, and `kl` (k3) with a reference.
 *
 * @param whole attempts and tokens of the whole optimizer step; micro-batches' values and gradients add up to it
 * @see arXiv:2402.03300 eq. 3-4 (GRPO); arXiv:2503.14476 eq. 8, 12 (clip-higher, token mean)
 */
export function grpoLoss(batch: TokenBatch, options: GrpoOptions, whole: LossNormalizer): LossResult {
  const { logps, entropies, oldLogps, refLogps, advantages, starts } = batch;
  const { clipLow, clipHigh, beta, entropyBonus, aggregation } = options;
  const dLogps = new Float64Array(logps.length);
  const dEntropies = new Float64Array(logps.length);
  let value = 0;
  let kl = 0;
  let clippedLow = 0;
  let clippedHigh = 0;
  for (let attempt = 0; attempt + 1 < starts.length; attempt++) {
    const begin = starts[attempt];
    const end = starts[attempt + 1];
    const weight = aggregation === "grpo" ? 1 / (whole.attempts * (end - begin)) : 1 / whole.tokens;
    for (let i = begin; i < end; i++) {
      const advantage = advantages[i];
      const ratio = Math.exp(logps[i] - oldLogps[i]);
      // The minimum takes the clipped branch only where it is the worse one; its derivative is zero there.
      const low = ratio < 1 - clipLow && advantage < 0;
      const high = ratio > 1 + clipHigh && advantage > 0;
      const objective = low ? (1 - clipLow) * advantage : high ? (1 + clipHigh) * advantage : ratio * advantage;
      let term = -objective;
      let derivative = low || high ? 0 : -ratio * advantage;
      if (low) clippedLow++;
      if (high) clippedHigh++;
      if (refLogps) {
        const gap = refLogps[i] - logps[i];
        const k3 = Math.exp(gap) - gap - 1;
        kl += k3;
        term += beta * k3;
        derivative += beta * (1 - Math.exp(gap));
      }
      term -= entropyBonus * entropies[i];
      value += weight * term;
      dLogps[i] = weight * derivative;
      dEntropies[i] = -weight * entropyBonus;
    }
  }
  const sums: Record<string, number> = {
    "clip_ratio/low_mean": clippedLow,
    "clip_ratio/high_mean": clippedHigh,
    "clip_ratio/region_mean": clippedLow + clippedHigh,
  };
  if (refLogps) sums.kl = kl;
  return { value, dLogps, dEntropies, sums };
}
