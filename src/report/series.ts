/** Curves before they are drawn: points in step order, smoothed, and thinned without losing peaks. */

/** One logged value. `value` may be NaN or infinite. */
export interface Point {
  step: number;
  value: number;
}

/** How many of the points are finite. */
export function finiteCount(points: readonly Point[]): number {
  let count = 0;
  for (const point of points) if (Number.isFinite(point.value)) count++;
  return count;
}

/**
 * At most `limit` of the points, in order. Each bucket of neighbours gives its lowest, its highest and one non-finite
 * value if it has any, so a one-step spike or NaN survives; the first and the last point always do.
 *
 * @param limit at least 5
 */
export function decimate(points: readonly Point[], limit: number): Point[] {
  if (points.length <= limit) return [...points];
  const perBucket = finiteCount(points) === points.length ? 2 : 3;
  const buckets = Math.max(1, Math.floor((limit - 2) / perBucket));
  const inner = points.length - 2;
  const kept: Point[] = [points[0]];
  for (let b = 0; b < buckets; b++) {
    const begin = 1 + Math.floor((b * inner) / buckets);
    const end = 1 + Math.floor(((b + 1) * inner) / buckets);
    let [low, high, broken] = [-1, -1, -1];
    for (let i = begin; i < end; i++) {
      const { value } = points[i];
      if (!Number.isFinite(value)) broken = i;
      else {
        if (low < 0 || value < points[low].value) low = i;
        if (high < 0 || value > points[high].value) high = i;
      }
    }
    const chosen = [...new Set([low, high, broken])].filter((i) => i >= 0).sort((a, b) => a - b);
    for (const i of chosen) kept.push(points[i]);
  }
  kept.push(points[points.length - 1]);
  return kept;
}

/** At most `limit` points at even distances, first and last included: for curves that are smooth already. */
export function thin(points: readonly Point[], limit: number): Point[] {
  if (points.length <= limit) return [...points];
  return Array.from({ length: limit }, (_, i) => points[Math.round((i * (points.length - 1)) / (limit - 1))]);
}

/**
 * Centred moving mean over 2·radius + 1 points. At the start, where curves are steep, the window shrinks on both sides;
 * at the end it is cut on one, so that the latest value is a mean too. Non-finite values are left out of the mean, and
 * stay non-finite in place.
 */
export function smooth(points: readonly Point[], radius: number): Point[] {
  const sums = new Float64Array(points.length + 1);
  const counts = new Uint32Array(points.length + 1);
  points.forEach(({ value }, i) => {
    const finite = Number.isFinite(value);
    sums[i + 1] = sums[i] + (finite ? value : 0);
    counts[i + 1] = counts[i] + (finite ? 1 : 0);
  });
  return points.map(({ step, value }, i) => {
    if (!Number.isFinite(value)) return { step, value };
    const begin = i - Math.min(radius, i);
    const end = Math.min(points.length, i + Math.min(radius, i) + 1);
    return { step, value: (sums[end] - sums[begin]) / (counts[end] - counts[begin]) };
  });
}

/** The radius that makes noise readable: none below 24 points, then about a fiftieth of the curve to each side. */
export function smoothingRadius(count: number): number {
  return count < 24 ? 0 : Math.max(2, Math.round(count / 50));
}
