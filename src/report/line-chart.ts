import { formatCount, formatShare, formatValue } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { linearScale, logScale, type Scale } from "./scale.ts";
import { decimate, finiteCount, type Point, smooth, smoothingRadius, thin } from "./series.ts";

/** One curve of a chart. */
export interface Line {
  /** Written at the curve's end when the chart has several. */
  label: string;
  points: readonly Point[];
  /** Half the height of the shaded band around the curve, at the same steps: a standard deviation. */
  spread?: readonly Point[];
  /** Lower and upper ends of whiskers at the same steps: an interval. */
  interval?: readonly { low: number; high: number }[];
}

/** What a line chart shows. The colours come from the stage it stands in. */
export interface LineChartSpec {
  title: string;
  /** Of the values: `nats`, `tokens`; empty for pure numbers. */
  unit?: string;
  /** In plain words: what this is and what to look for. */
  caption: string;
  lines: readonly Line[];
  /** `auto` takes a logarithmic axis when every value is positive and they span two decades or more. */
  axis?: "linear" | "auto";
  /** Not noisy: drawn as it is, never smoothed. */
  exact?: boolean;
  /** A value worth a dashed line across, e.g. the even share. */
  level?: { value: number; label: string };
  /** Values are shares, shown as per cent. */
  percent?: boolean;
  format?: (value: number) => string;
  /** Most points drawn per curve. */
  limit?: number;
}

const width = 360;
const height = 180;
const plot = { left: 46, top: 14, bottom: 160 };
/** Line styles in order, so that curves differ without their colour. */
const dashes = ["", "5 3", "1.5 3", "8 3 2 3"];
const labelGap = 13;

const round = (pixels: number) => String(Math.round(pixels * 10) / 10);

/** An SVG path through the points; non-finite values, and values a log axis cannot show, leave a gap. */
export function linePath(points: readonly Point[], x: Scale, y: Scale): string {
  let path = "";
  let pen = "M";
  for (const { step, value } of points) {
    const shown = Number.isFinite(value) && (y.kind === "linear" || value > 0);
    if (shown) path += `${pen}${round(x.map(step))} ${round(y.map(value))}`;
    pen = shown ? "L" : "M";
  }
  return path;
}

/** A closed SVG path between mean − spread and mean + spread, held inside the plot. */
export function bandPath(mean: readonly Point[], spread: readonly Point[], x: Scale, y: Scale): string {
  const [low, high] = y.domain;
  const clamp = (value: number) => y.map(Math.min(high, Math.max(low, value)));
  const both = mean
    .map(({ step, value }, i) => ({ step, value, half: spread[i].value }))
    .filter(({ value, half }) => Number.isFinite(value) && Number.isFinite(half));
  if (both.length < 2) return "";
  const upper = both.map(({ step, value, half }) => `${round(x.map(step))} ${round(clamp(value + half))}`);
  const lower = both.map(({ step, value, half }) => `${round(x.map(step))} ${round(clamp(value - half))}`);
  return `M${upper.join("L")}L${lower.reverse().join("L")}Z`;
}

/** The spread at each point's step; both lists are in step order, and a step without a spread has none. */
function spreadAt(points: readonly Point[], spread: readonly Point[]): Point[] {
  const byStep = new Map(spread.map(({ step, value }) => [step, value]));
  return points.map(({ step }) => ({ step, value: byStep.get(step) ?? Number.NaN }));
}

function valueScale(spec: LineChartSpec): Scale {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const take = (value: number) => {
    if (!Number.isFinite(value)) return;
    if (value < low) low = value;
    if (value > high) high = value;
  };
  for (const { points, interval } of spec.lines) {
    for (const { value } of points) take(value);
    for (const ends of interval ?? []) [ends.low, ends.high].forEach(take);
  }
  if (spec.level) take(spec.level.value);
  const pixels: [number, number] = [plot.bottom, plot.top];
  if (spec.axis !== "linear" && low > 0 && high / low >= 100) return logScale([low, high], pixels);
  // Zero belongs on the axis when leaving it out would save less than half of the height.
  if (low > 0 && low <= high / 2) low = 0;
  return linearScale([low, high], pixels, { ticks: 5, nice: true, percent: spec.percent });
}

function axes(x: Scale, y: Scale, right: number, unit: string): Markup {
  const rows = y.ticks.map((tick) => {
    const at = round(y.map(tick));
    return html`<path class="grid" d="M${plot.left} ${at}H${right}"/><text x="${plot.left - 7}" y="${round(y.map(tick) + 3.5)}" text-anchor="end">${y.label(tick)}</text>`;
  });
  const columns = x.ticks.map((tick) => {
    return html`<text x="${round(x.map(tick))}" y="${plot.bottom + 16}" text-anchor="middle">${x.label(tick)}</text>`;
  });
  return html`${rows}${columns}<text class="unit" x="${plot.left - 7}" y="${plot.bottom + 16}" text-anchor="end">step</text>${
    unit &&
    html`<text class="unit" x="${plot.left}" y="${plot.top - 6}">${unit}${y.kind === "log" && ", log scale"}</text>`
  }${!unit && y.kind === "log" && html`<text class="unit" x="${plot.left}" y="${plot.top - 6}">log scale</text>`}`;
}

/** Pushes labels apart until neighbours are `gap` pixels from each other; order is kept. */
export function spreadLabels(wanted: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b] || a - b);
  const placed = [...wanted];
  let floor = top;
  for (const i of order) floor = (placed[i] = Math.max(placed[i], floor)) + gap;
  let ceiling = bottom;
  for (const i of order.reverse()) ceiling = (placed[i] = Math.min(placed[i], ceiling)) - gap;
  return placed;
}

const lastFinite = (points: readonly Point[]) => points.findLast(({ value }) => Number.isFinite(value));

/**
 * A figure with one or more curves over steps: the raw values faint, a smoothed curve over them, round ticks, the latest
 * value in the heading, and data attributes from which the page's script reads values out under the pointer.
 *
 * @returns null when no curve has a finite value
 */
export function lineChart(spec: LineChartSpec): Markup | null {
  const lines = spec.lines.filter(({ points }) => finiteCount(points) > 0);
  if (lines.length === 0) return null;
  const limit = spec.limit ?? 400;
  const format = spec.format ?? (spec.percent ? formatShare : formatValue);
  const several = lines.length > 1;
  const right = several ? width - 58 : width - 8;

  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { points } of lines) {
    first = Math.min(first, points[0].step);
    last = Math.max(last, points[points.length - 1].step);
  }
  // Charts of one stage line up: they all begin at step 0 unless what is left of the stage is its tail.
  const x = linearScale([first <= last / 2 ? 0 : first, last], [plot.left, right], {
    ticks: 5,
    nice: false,
    whole: true,
  });
  const y = valueScale({ ...spec, lines });

  const broken = lines.reduce((sum, { points }) => sum + points.length - finiteCount(points), 0);
  const drawn = lines.map((line, i) => {
    const kept = decimate(line.points, limit);
    const radius = spec.exact ? 0 : smoothingRadius(line.points.length);
    const calm = radius > 0 ? smooth(line.points, radius) : line.points;
    const end = lastFinite(calm) as Point;
    const data = html` data-line="${line.label}" data-steps="${kept.map(({ step }) => step).join(" ")}" data-values="${kept.map(({ value }) => format(value)).join("|")}"`;
    const style = several && html` stroke-dasharray="${dashes[i % dashes.length]}"`;
    const band =
      line.spread &&
      bandPath(thin(calm, 120), spreadAt(thin(calm, 120), smooth(spreadAt(line.points, line.spread), radius)), x, y);
    const whiskers = line.interval
      ?.map((ends, j) => {
        const at = round(x.map(line.points[j].step));
        return `M${at} ${round(y.map(ends.low))}V${round(y.map(ends.high))}`;
      })
      .join("");
    const single = line.points.length === 1 || whiskers !== undefined;
    const dots =
      single &&
      line.points
        .filter(({ value }) => Number.isFinite(value))
        .map(
          ({ step, value }) =>
            html`<circle class="dot s${i % 4}" cx="${round(x.map(step))}" cy="${round(y.map(value))}" r="3.5"/>`,
        );
    const rawPath = linePath(kept, x, y);
    return {
      end,
      svg: html`${band && html`<path class="band s${i % 4}" d="${band}"/>`}${
        whiskers && html`<path class="whisker s${i % 4}" d="${whiskers}"/>`
      }<path class="${radius > 0 ? "raw" : "line"} s${i % 4}"${radius === 0 && style}${data} d="${rawPath}"/>${
        radius > 0 &&
        html`<path class="line s${i % 4}"${style} d="${linePath(thin(calm, Math.min(limit, 200)), x, y)}"/>`
      }${dots}`,
    };
  });

  const seats = spreadLabels(
    drawn.map(({ end }) => y.map(end.value) + 4),
    labelGap,
    plot.top + 4,
    plot.bottom + 2,
  );
  const labels =
    several &&
    lines.map(
      ({ label }, i) => html`<text class="label s${i % 4}" x="${right + 5}" y="${round(seats[i])}">${label}</text>`,
    );
  const level =
    spec.level &&
    html`<path class="level" d="M${plot.left} ${round(y.map(spec.level.value))}H${right}"/><text class="unit" x="${right - 2}" y="${round(y.map(spec.level.value) - 5)}" text-anchor="end">${spec.level.label}</text>`;
  const now = drawn.map(({ end }, i) => (several ? `${lines[i].label} ${format(end.value)}` : format(end.value)));
  const spoken = lines.map(({ label, points }, i) => {
    const start = points.find(({ value }) => Number.isFinite(value)) as Point;
    return `${label} from ${format(start.value)} to ${format(drawn[i].end.value)}`;
  });

  return html`<figure class="chart">
<div class="head"><h4>${spec.title}</h4>${!several && html`<output class="now">${now[0]}</output>`}${several && html`<output class="now"></output>`}</div>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${spec.title}: ${spoken.join("; ")}, steps ${formatCount(first)} to ${formatCount(last)}" data-plot="${x.domain.join(" ")} ${plot.left} ${right} ${plot.top} ${plot.bottom}">
${axes(x, y, right, spec.unit ?? "")}${level}${drawn.map(({ svg }) => svg)}${labels}
</svg>
<figcaption>${spec.caption}${broken > 0 && html` <strong class="broken">${formatCount(broken)} ${broken === 1 ? "value was" : "values were"} not finite and ${broken === 1 ? "is" : "are"} left out.</strong>`}</figcaption>
</figure>`;
}
