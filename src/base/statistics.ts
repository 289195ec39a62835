/** Arithmetic mean; 0 for an empty list. */
export function mean(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return values.length === 0 ? 0 : total / values.length;
}

/** Sample standard deviation (divisor n − 1), as torch.std; 0 for fewer than two values. */
export function sampleDeviation(values: ArrayLike<number>): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i] - center) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/** The middle value; the mean of the two middle ones for an even count. NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The smallest value that at least a share q of the list does not exceed (inverse of the empirical distribution). NaN for an empty list. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? Number.NaN : sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

/**
 * McNemar's exact test of two measurements of the same items: how likely a split of the items that changed is at least this
 * uneven when either direction is as likely. Two-sided binomial test with probability ½.
 *
 * @param gained items that only the second got right; lost: that only the first did
 * @returns p in (0, 1]; 1 when nothing changed
 * @see McNemar 1947, Psychometrika 12:153
 */
export function mcnemarP(gained: number, lost: number): number {
  const n = gained + lost;
  // Terms C(n, k) / 2^n by their logarithms: 2^n overflows from 1024 on.
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= Math.min(gained, lost); k++) {
    logTerm += Math.log((n - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}

/**
 * Wilson's 95 % score interval for a proportion: successes out of n.
 * @returns [low, high] in [0,1]; [0,1] when n is 0
 * @see Wilson 1927, JASA 22:209
 */
export function wilsonInterval(successes: number, n: number): [number, number] {
  if (n === 0) return [0, 1];
  const z = 1.959963984540054;
  const p = successes / n;
  const denominator = 1 + (z * z) / n;
  const center = (p + (z * z) / (2 * n)) / denominator;
  const half = (z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))) / denominator;
  return [successes === 0 ? 0 : Math.max(0, center - half), successes === n ? 1 : Math.min(1, center + half)];
}
