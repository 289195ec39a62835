/** What a critic's loss sees: one entry per completion token. */
export interface ValueBatch {
  /** Value of the state before each token, by the head that is trained. */
  values: ArrayLike<number>;
  /** What the head said when the rollout was weighed. */
  oldValues: ArrayLike<number>;
  /** What each value should have been. */
  returns: ArrayLike<number>;
  /** How much each entry counts: over a whole optimizer step they add up to 1. */
  weights: ArrayLike<number>;
}

/** A critic's loss with its derivative. */
export interface ValueLossResult {
  value: number;
  /** ∂value/∂values. */
  dValues: Float64Array;
  /** Share of the weight where the clipped value is the worse one, and the gradient therefore 0. */
  clipped: number;
}

/**
 * Squared error of the values, which may move only `clip` away from what they were: ½ Σ weight · max((v − return)²,
 * (clamp(v, old − clip, old + clip) − return)²). Where the clamped error is the larger one it is constant: no gradient.
 *
 * @param options clip: how far a value may move on one rollout, from above 0; null: as far as it goes
 * @see arXiv:1707.06347 leaves the clipping out; it is that of OpenAI Baselines' ppo2, kept by arXiv:2005.12729 §2 and TRL
 */
export function valueLoss(
  { values, oldValues, returns, weights }: ValueBatch,
  { clip }: { clip: number | null },
): ValueLossResult {
  const dValues = new Float64Array(values.length);
  const reach = clip ?? Number.POSITIVE_INFINITY;
  let value = 0;
  let clipped = 0;
  for (let i = 0; i < values.length; i++) {
    const error = values[i] - returns[i];
    const clamped = Math.min(oldValues[i] + reach, Math.max(oldValues[i] - reach, values[i])) - returns[i];
    const stuck = clamped * clamped > error * error;
    value += (weights[i] / 2) * (stuck ? clamped * clamped : error * error);
    if (stuck) clipped += weights[i];
    else dValues[i] = weights[i] * error;
  }
  return { value, dValues, clipped };
}
