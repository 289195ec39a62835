/** How numbers read in tables, axes and progress lines. English separators, a space before the per cent sign. */

const twoDigits = (value: number): string => String(value).padStart(2, "0");

const trimZeros = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** A whole number with thousands separators: 12345 → `12,345`. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A share in [0,1] as per cent: 0.7345 → `73.5 %`. */
export function formatPercent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : "–";
}

/** A share with as many digits as it needs: `0.31 %`, `4.2 %`, `73.5 %`. */
export function formatShare(share: number): string {
  return formatPercent(share, share !== 0 && Math.abs(share) < 0.01 ? 2 : 1);
}

/** What changed against an earlier stage: `+46 −18, p 0.0005`. */
export function formatPaired({ mended, broken, p }: { mended: number; broken: number; p: number }): string {
  return `+${formatCount(mended)} −${formatCount(broken)}, p ${formatChance(p)}`;
}

/** A probability under the null hypothesis: `0.031`, `0.0005`, `< 0.0001`. */
export function formatChance(p: number): string {
  return p < 0.0001 ? "< 0.0001" : p.toPrecision(p < 0.001 ? 1 : 2);
}

/** A 95 % interval of a share: [0.7062, 0.7612] → `70.6 – 76.1`. */
export function formatInterval([low, high]: readonly [number, number]): string {
  return `${(low * 100).toFixed(1)} – ${(high * 100).toFixed(1)}`;
}

/** Seconds as people say them: `0.42 s`, `12.3 s`, `3 min 05 s`, `1 h 04 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 1) return `${trimZeros(seconds.toFixed(2))} s`;
  if (seconds < 59.95) return `${trimZeros(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** Seconds as a clock: `2:05`, `1:04:09`. */
export function formatClock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–:––";
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${twoDigits(m)}:${twoDigits(s)}` : `${m}:${twoDigits(s)}`;
}

/**
 * A measured number with three significant digits: `0.713`, `2.31e-4`, `12.3k`, `4.56M`. Whole numbers below 10,000
 * stay whole; `not a number` and infinities are named.
 */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "0";
  if (size >= 999_950) return `${sign}${Number((size / 1e6).toPrecision(3))}M`;
  if (size >= 9_999.5) return `${sign}${Number((size / 1e3).toPrecision(3))}k`;
  if (size >= 1000 || Number.isInteger(size)) return `${sign}${Math.round(size)}`;
  if (size < 1e-3) return sign + size.toExponential(2).replace(/\.?0+e/, "e");
  return sign + trimZeros(size.toPrecision(3));
}
