/**
 * Truncated importance sampling: what a token is multiplied by where another engine sampled it, min(ratio, cap) with
 * ratio = p(token) under the trainer before its first update / p(token) as the sampler reported it. Exactly 1 where the
 * sampler is our own.
 *
 * @param starts attempt a's tokens are starts[a] … starts[a+1]−1
 * @param options level: `token`, a ratio for each; `sequence`, the product of an attempt's, for losses that take a
 *   completion as one action. A log-probability that the sampler did not report (NaN) counts as the trainer's
 * @see https://fengyao.notion.site/off-policy-rl; TRL's `token_truncate` and `sequence_truncate`
 */
export function importanceRatios(
  oldLogps: ArrayLike<number>,
  samplerLogps: ArrayLike<number>,
  starts: ArrayLike<number>,
  { cap, level }: { cap: number; level: "token" | "sequence" },
): Float64Array {
  const ratios = Float64Array.from(oldLogps, (logp, i) => {
    const gap = logp - samplerLogps[i];
    return Number.isNaN(gap) ? 0 : gap;
  });
  if (level === "sequence")
    for (let attempt = 0; attempt + 1 < starts.length; attempt++) {
      const [begin, end] = [starts[attempt], starts[attempt + 1]];
      const sum = ratios.subarray(begin, end).reduce((total, gap) => total + gap, 0);
      ratios.fill(sum, begin, end);
    }
  return ratios.map((gap) => Math.min(Math.exp(gap), cap));
}

/** Importance ratios, summed up. */
export interface RatioRange {
  min: number;
  max: number;
  sum: number;
  tokens: number;
}

/** A range with more ratios in it. */
export const withRatios = (range: RatioRange | undefined, ratios: Float64Array): RatioRange => ({
  min: ratios.reduce((least, ratio) => Math.min(least, ratio), range?.min ?? Number.POSITIVE_INFINITY),
  max: ratios.reduce((most, ratio) => Math.max(most, ratio), range?.max ?? 0),
  sum: ratios.reduce((sum, ratio) => sum + ratio, range?.sum ?? 0),
  tokens: ratios.length + (range?.tokens ?? 0),
});
