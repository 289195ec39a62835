import { mean, sampleDeviation } from "../base/statistics.ts";

/**
 * Numbers less their mean, over their deviation: (x − mean) / sqrt(var + eps), sample variance (divisor n − 1), over all that
 * are given together. A single number, which has no deviation, is left as it is.
 *
 * @see TRL's masked_whiten
 */
export function whiten(values: ArrayLike<number>, { eps = 1e-8 }: { eps?: number } = {}): Float64Array {
  if (values.length < 2) return Float64Array.from(values);
  const center = mean(values);
  const scale = 1 / Math.sqrt(sampleDeviation(values) ** 2 + eps);
  return Float64Array.from(values, (value) => (value - center) * scale);
}
