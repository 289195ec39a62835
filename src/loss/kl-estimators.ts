/** Which sample estimate of KL(policy ‖ reference); see `klEstimators`. */
export type KlEstimator = "k1" | "k2" | "k3";

/** An estimate of KL from one token, by gap = refLogp − logp. */
export interface KlEstimate {
  value(gap: number): number;
  /** ∂value/∂logp. */
  slope(gap: number): number;
}

/**
 * Estimates of KL(policy ‖ reference) from tokens that the policy sampled.
 *
 * - `k1`: −gap. Unbiased, may be negative. In a loss its expected gradient is 0, so it belongs into the reward.
 * - `k2`: gap² / 2. Biased, never negative; in a loss its expected gradient is that of KL.
 * - `k3`: exp(gap) − gap − 1. Unbiased, never negative, less spread than k1; in a loss its expected gradient is that of
 *   KL(reference ‖ policy).
 *
 * @see Schulman 2020, http://joschu.net/blog/kl-approx.html; arXiv:2510.01555 for the gradients
 */
export const klEstimators: Readonly<Record<KlEstimator, KlEstimate>> = {
  k1: { value: (gap) => -gap, slope: () => 1 },
  k2: { value: (gap) => (gap * gap) / 2, slope: (gap) => -gap },
  k3: { value: (gap) => Math.exp(gap) - gap - 1, slope: (gap) => 1 - Math.exp(gap) },
};

/**
 * KL of one attempt by its tokens: Σ estimate(refLogp − logp), what is taken off a reward.
 *
 * @param logps refLogps: one for each token of the attempt
 */
export function attemptKl(estimator: KlEstimator, logps: ArrayLike<number>, refLogps: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < logps.length; i++) sum += klEstimators[estimator].value(refLogps[i] - logps[i]);
  return sum;
}
