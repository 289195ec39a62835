/**
 * Chance that at least one of k attempts is right, from n attempts of which c are: 1 − C(n−c, k) / C(n, k), the unbiased
 * estimator. 1 − (1 − c/n)^k, which looks alike, is too low.
 *
 * @param n attempts that were made; c: those that are right; k in 1 … n
 * @throws RangeError when k is outside 1 … n, or c outside 0 … n
 * @see arXiv:2107.03374 eq. 1
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!(k >= 1 && k <= n && c >= 0 && c <= n))
    throw new RangeError(`passAtK: expected 1 ≤ k ≤ n and 0 ≤ c ≤ n, got n ${n}, c ${c}, k ${k}`);
  if (n - c < k) return 1;
  // C(n−c, k) / C(n, k) as a product: the binomials themselves overflow.
  let miss = 1;
  for (let i = n - c + 1; i <= n; i++) miss *= 1 - k / i;
  return 1 - miss;
}

/** The k at which pass@k is reported for n attempts: powers of two below n, and n. */
export function reportedKs(n: number): number[] {
  const ks: number[] = [];
  for (let k = 1; k < n; k *= 2) ks.push(k);
  return n >= 1 ? [...ks, n] : ks;
}
