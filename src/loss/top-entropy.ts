/**
 * The entropy from which on a token belongs to the share of highest entropy: the (1 − share)-quantile, between two values
 * by linear interpolation, as torch.quantile.
 *
 * @param entropies of all tokens of a step; 0 for none
 * @param share in (0, 1]; 1: all tokens
 * @see arXiv:2506.01939 eq. 6: learning from the forking tokens alone; TRL's `top_entropy_quantile`
 */
export function entropyThreshold(entropies: ArrayLike<number>, share: number): number {
  if (entropies.length === 0) return 0;
  const sorted = Float64Array.from(entropies).sort();
  const place = (1 - share) * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
