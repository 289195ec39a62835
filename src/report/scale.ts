/** Chart axes: data values to pixels, with round ticks. */

/** One axis. `map` takes a data value to pixels; `ticks` are data values inside the domain. */
export interface Scale {
  kind: "linear" | "log";
  domain: [number, number];
  ticks: number[];
  /** A tick as text, with as many digits as the tick spacing needs. */
  label(tick: number): string;
  map(value: number): number;
}

/** The step 1, 2 or 5 × 10^k that divides `span` into at most about `count` parts. */
export function niceStep(span: number, count: number): number {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const lead = raw / power;
  return (lead <= 1.0001 ? 1 : lead <= 2.0001 ? 2 : lead <= 5.0001 ? 5 : 10) * power;
}

const ticksBetween = (low: number, high: number, step: number): number[] => {
  const ticks: number[] = [];
  const first = Math.ceil(low / step - 1e-9);
  // Multiples of the step, computed from integers so that 0.3 is not 0.30000000000000004.
  for (let i = first; i * step <= high + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
};

const tickText = (value: number, step: number): string => {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (step >= 1e5) return `${sign}${Number((size / 1e6).toPrecision(4))}M`;
  if (step >= 500 && size >= 1000) return `${sign}${Number((size / 1e3).toPrecision(4))}k`;
  if (step < 1e-3) return sign + Number(size.toPrecision(3)).toExponential();
  return sign + size.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
};

/**
 * A linear axis over [low, high] mapped to [from, to] pixels. With `nice` the domain grows to whole tick steps. A domain
 * of no width is widened around its value. `whole` keeps ticks to whole numbers, `percent` labels shares as per cent.
 */
export function linearScale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
  options: { ticks: number; nice: boolean; whole?: boolean; percent?: boolean },
): Scale {
  if (high <= low) {
    const pad = low === 0 ? 1 : Math.abs(low) * 0.1;
    [low, high] = options.whole ? [low - 1, low + 1] : [low - pad, low + pad];
  }
  let step = niceStep(high - low, options.ticks);
  if (options.whole) step = Math.max(1, step);
  if (options.nice) [low, high] = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  const slope = (to - from) / (high - low);
  return {
    kind: "linear",
    domain: [low, high],
    ticks: ticksBetween(low, high, step),
    label: (tick) => (options.percent ? `${tickText(tick * 100, step * 100)} %` : tickText(tick, step)),
    map: (value) => from + (value - low) * slope,
  };
}

/**
 * A base-10 logarithmic axis over [low, high] > 0. Ticks are powers of ten, at most six; where there are fewer than
 * three of those, 2 and 5 × 10^k too.
 */
export function logScale([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  if (high <= low) [low, high] = [low / 2, low * 2];
  const candidates: number[] = [];
  for (let e = Math.floor(Math.log10(low)) - 1; e <= Math.ceil(Math.log10(high)) + 1; e++) {
    for (const m of [1, 2, 5]) candidates.push(Number(`${m}e${e}`));
  }
  // The domain grows to the nearest 1, 2 or 5 × 10^k outside each end.
  const start = candidates.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  const end = candidates.findIndex((tick) => tick >= high * (1 - 1e-9));
  const inside = candidates.slice(start, end + 1);
  const [a, b] = [inside[0], inside[inside.length - 1]];
  const decades = inside.filter((tick) => Number.isInteger(Math.log10(tick)));
  const marked = decades.length > 2 ? decades : inside;
  const stride = Math.ceil(marked.length / 6);
  const slope = (to - from) / Math.log10(b / a);
  return {
    kind: "log",
    domain: [a, b],
    ticks: marked.filter((_, i) => i % stride === 0),
    label: (tick) => (tick >= 1e4 || tick < 1e-2 ? tick.toExponential().replace("e+", "e") : String(tick)),
    map: (value) => from + Math.log10(value / a) * slope,
  };
}
