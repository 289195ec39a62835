import type { ExpertUse } from "../records/events.ts";
import { formatPercent } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { type LineChartSpec, lineChart } from "./line-chart.ts";
import { linearScale } from "./scale.ts";

/** Expert use over a stage, one entry per logged step, in step order. */
export type ExpertHistory = readonly { step: number; layers: readonly ExpertUse[] }[];

const width = 360;
const plot = { left: 30, right: 306, top: 6 };
/** Share over the even share, between the colour levels 0 … 6; level 3 is about even. */
const bounds = [1 / 3, 0.6, 0.85, 1 / 0.85, 1 / 0.6, 3];

/** The colour level of a share: 0 (nearly unused) … 3 (about 1/E) … 6 (more than three times its part). */
export function loadLevel(share: number, experts: number): number {
  const load = share * experts;
  const level = bounds.findIndex((bound) => load < bound);
  return level < 0 ? bounds.length : level;
}

/**
 * Mean share of each expert of a layer in `bins` equal stretches of the steps.
 *
 * @returns shares[bin][expert]; a bin is at least one logged step
 */
export function binShares(history: ExpertHistory, layer: number, bins: number): number[][] {
  const uses = history.flatMap(({ layers }) => layers.filter((use) => use.layer === layer));
  const count = Math.min(bins, uses.length);
  return Array.from({ length: count }, (_, b) => {
    const part = uses.slice(Math.floor((b * uses.length) / count), Math.floor(((b + 1) * uses.length) / count));
    return uses[0].shares.map((_, e) => part.reduce((sum, use) => sum + use.shares[e], 0) / part.length);
  });
}

/** One path per colour level; equal neighbours in a row are one rectangle. Cells are 1 × 1. */
function cells(shares: readonly number[][]): Markup[] {
  const experts = shares[0].length;
  const paths = Array.from({ length: bounds.length + 1 }, () => "");
  for (let e = 0; e < experts; e++) {
    for (let b = 0; b < shares.length; ) {
      const level = loadLevel(shares[b][e], experts);
      let end = b + 1;
      while (end < shares.length && loadLevel(shares[end][e], experts) === level) end++;
      paths[level] += `M${b} ${e}h${end - b}v1h${b - end}z`;
      b = end;
    }
  }
  return paths.flatMap((d, level) => (d === "" ? [] : [html`<path class="load${level}" d="${d}"/>`]));
}

function heatMap(history: ExpertHistory, layer: number, bins: number): Markup {
  const shares = binShares(history, layer, bins);
  const experts = shares[0].length;
  const rowHeight = experts <= 8 ? 18 : Math.max(4, Math.floor(144 / experts));
  const bottom = plot.top + experts * rowHeight;
  const labelEvery = Math.ceil(12 / rowHeight);
  const latest = shares[shares.length - 1];
  const [first, last] = [history[0].step, history[history.length - 1].step];
  const x = linearScale([first, last], [plot.left, plot.right], {
    ticks: 5,
    nice: false,
    whole: true,
  });
  const names = latest.flatMap((share, e) => {
    if (e % labelEvery !== 0) return [];
    const y = plot.top + e * rowHeight + Math.min(rowHeight, 12) / 2 + (rowHeight > 12 ? (rowHeight - 12) / 2 : 0) + 4;
    return [
      html`<text x="${plot.left - 7}" y="${y}" text-anchor="end">${e}</text><text class="figure" x="${plot.right + 7}" y="${y}">${formatPercent(share, experts > 12 ? 1 : 0)}</text>`,
    ];
  });
  const rules = experts <= 16 && Array.from({ length: experts - 1 }, (_, e) => `M0 ${e + 1}H${shares.length}`).join("");
  const ticks = x.ticks.map(
    (tick) =>
      html`<text x="${Math.round(x.map(tick) * 10) / 10}" y="${bottom + 15}" text-anchor="middle">${x.label(tick)}</text>`,
  );
  const spoken = latest.map((share, e) => `expert ${e} ${formatPercent(share)}`).join(", ");
  return html`<figure class="chart"><div class="head"><h4>Layer ${layer}</h4><span class="now">share at the end</span></div>
<svg viewBox="0 0 ${width} ${bottom + 20}" role="img" aria-label="Layer ${layer}, share of tokens per expert at the end: ${spoken}">
<svg x="${plot.left}" y="${plot.top}" width="${plot.right - plot.left}" height="${bottom - plot.top}" viewBox="0 0 ${shares.length} ${experts}" preserveAspectRatio="none" shape-rendering="crispEdges">${cells(shares)}${rules && html`<path class="rule" d="${rules}"/>`}</svg>
${names}${ticks}<text class="unit" x="${plot.left - 7}" y="${bottom + 15}" text-anchor="end">step</text></svg></figure>`;
}

const legend = html`<p class="legend" aria-hidden="true"><span>less than its part</span>${Array.from(
  { length: bounds.length + 1 },
  (_, level) => html`<i class="load${level}-box"></i>`,
)}<span>more than its part</span></p>`;

const layerLines = (history: ExpertHistory, layers: readonly number[], value: (use: ExpertUse) => number) =>
  layers.map((layer) => ({
    label: `layer ${layer}`,
    points: history.flatMap(({ step, layers: uses }) =>
      uses.filter((use) => use.layer === layer).map((use) => ({ step, value: value(use) })),
    ),
  }));

/** At most four layers, evenly spread, first and last included: more lines than that cannot be told apart. */
function shownLayers(layers: readonly number[]): number[] {
  if (layers.length <= 4) return [...layers];
  return [0, 1, 2, 3].map((i) => layers[Math.round((i * (layers.length - 1)) / 3)]);
}

/**
 * How the routers spread tokens over experts: a heat map per layer (rows are experts, columns are time, colour is the
 * share against the even share 1/E), then entropy and largest-over-mean share as lines.
 *
 * @param options.limit most points per line
 * @returns null without data
 */
export function expertCharts(history: ExpertHistory, options: { limit: number }): Markup | null {
  const layers = [...new Set(history.flatMap(({ layers: uses }) => uses.map(({ layer }) => layer)))].sort(
    (a, b) => a - b,
  );
  if (layers.length === 0) return null;
  const experts = history.flatMap(({ layers: uses }) => uses)[0].shares.length;
  // Detail that no screen shows is not stored: the more cells a column has, the fewer columns.
  const bins = Math.max(12, Math.min(69, Math.floor(24_000 / (layers.length * experts))));
  const shown = shownLayers(layers);
  const some = shown.length < layers.length ? ` Layers ${shown.join(", ")} of ${layers.length} are drawn.` : "";
  const even = Math.log(experts);
  const lines: LineChartSpec[] = [
    {
      title: "Router entropy",
      unit: "nats",
      caption: `How evenly tokens are spread. ${even.toFixed(2)} is perfectly even over ${experts} experts; a fall towards 0 means a few experts do all the work.${some}`,
      lines: layerLines(history, shown, ({ entropy }) => entropy),
      level: { value: even, label: "even" },
      axis: "linear",
      limit: options.limit,
    },
    {
      title: "Busiest expert over the mean",
      caption: `1 is perfect balance, ${experts} is one expert for everything. Watch for a layer that climbs and stays up.${some}`,
      lines: layerLines(history, shown, ({ maxOverMean }) => maxOverMean),
      level: { value: 1, label: "even" },
      axis: "linear",
      limit: options.limit,
    },
  ];
  return html`<h3>Experts</h3>
<p class="note">Each row is one expert, time runs to the right. Grey is its even part, ${formatPercent(1 / experts)} of the tokens; orange rows take more, blue rows take less. Rows that differ but stay steady are specialists; a row that turns deep blue for good is an expert nobody uses.</p>
${legend}<div class="charts">${layers.map((layer) => heatMap(history, layer, bins))}</div><div class="charts">${lines.map(lineChart)}</div>`;
}
