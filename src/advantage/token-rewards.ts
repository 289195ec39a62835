/**
 * Reward of each token of an attempt: the attempt's own at the last one, and −beta · (logp − refLogp) at every one (k1, as in
 * RLHF), where there is a reference.
 *
 * @param attempt logps when it was sampled, and under the reference; refLogps null: no such term
 * @see arXiv:1909.08593 eq. 2; arXiv:2203.02155 §3.5
 */
export function tokenRewards(
  attempt: { reward: number; logps: ArrayLike<number>; refLogps: ArrayLike<number> | null },
  { beta }: { beta: number },
): Float64Array {
  const { reward, logps, refLogps } = attempt;
  const rewards = new Float64Array(logps.length);
  if (refLogps) for (let t = 0; t < logps.length; t++) rewards[t] = -beta * (logps[t] - refLogps[t]);
  if (rewards.length > 0) rewards[rewards.length - 1] += reward;
  return rewards;
}
