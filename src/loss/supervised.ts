/**
 * Cross-entropy of demonstrations: −(1/tokens) Σ logp, the token mean over the whole optimizer step.
 *
 * @param logps log-probability of each demonstrated token of this micro-batch
 * @param tokens demonstrated tokens of the whole step
 * @returns the micro-batch's share of the loss, and its derivative with respect to each log-probability
 */
export function supervisedLoss(logps: ArrayLike<number>, tokens: number): { value: number; dLogps: Float64Array } {
  let total = 0;
  for (let i = 0; i < logps.length; i++) total += logps[i];
  return { value: -total / tokens, dLogps: new Float64Array(logps.length).fill(-1 / tokens) };
}
