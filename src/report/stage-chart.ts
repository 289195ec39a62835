import { formatChance, formatCount, formatInterval, formatPercent } from "./format.ts";
import { html, type Markup } from "./html.ts";
import type { StageResult } from "./summary.ts";

const width = 520;
const plot = { left: 0, right: 520 };
const rowHeight = 52;
const barHeight = 16;

/**
 * Accuracy of each measured stage as a bar from 0 to 100 %, with its 95 % interval as a whisker.
 *
 * @returns null without results
 */
export function stageChart(results: readonly StageResult[]): Markup | null {
  if (results.length === 0) return null;
  const bottom = results.length * rowHeight + 4;
  const at = (share: number) => Math.round((plot.left + share * (plot.right - plot.left)) * 10) / 10;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      html`<path class="grid" d="M${at(share)} 22V${bottom}"/><text x="${at(share)}" y="${bottom + 16}" text-anchor="${share === 0 ? "start" : share === 1 ? "end" : "middle"}">${formatPercent(share, 0)}</text>`,
  );
  const rows = results.map(({ name, kind, accuracy, ci95: [low, high] }, i) => {
    const top = i * rowHeight + 24;
    const middle = top + barHeight / 2;
    return html`<g class="k-${kind}"><text class="name" x="${plot.left}" y="${top - 8}">${name}</text><text class="figure" x="${plot.right}" y="${top - 8}" text-anchor="end">${formatPercent(accuracy)}</text>
<rect class="track" x="${plot.left}" y="${top}" width="${plot.right - plot.left}" height="${barHeight}" rx="3"/><rect class="bar" x="${plot.left}" y="${top}" width="${Math.max(2, Math.round((at(accuracy) - plot.left) * 10) / 10)}" height="${barHeight}" rx="3"/>
<path class="interval" d="M${at(low)} ${middle}H${at(high)}M${at(low)} ${middle - 5}v10M${at(high)} ${middle - 5}v10"/></g>`;
  });
  const spoken = results.map(
    ({ name, accuracy, ci95 }) => `${name} ${formatPercent(accuracy)} (${formatInterval(ci95)})`,
  );
  return html`<figure class="stages"><svg viewBox="0 0 ${width} ${bottom + 20}" role="img" aria-label="Accuracy by stage: ${spoken.join("; ")}">${ticks}${rows}</svg>
<figcaption>Bars are the share of held-out problems answered right. The whiskers are 95 % intervals: when two do not overlap, chance is an unlikely reason for the difference.</figcaption></figure>`;
}

/**
 * The finding in one sentence: what the last step from one measured stage to the next changed.
 *
 * @returns null with fewer than two results
 */
export function finding(results: readonly StageResult[]): string | null {
  if (results.length < 2) return null;
  const [before, after] = results.slice(-2);
  const points = (after.accuracy - before.accuracy) * 100;
  const apart = after.ci95[0] > before.ci95[1] || after.ci95[1] < before.ci95[0];
  const [from, to] = [formatPercent(before.accuracy), formatPercent(after.accuracy)];
  if (from === to) return `Stage ${after.name} left accuracy at ${to} (n = ${formatCount(after.n)}).`;
  const verb = points >= 0 ? "raised" : "lowered";
  const { paired } = after;
  let certainty = apart ? "The intervals do not overlap." : "The intervals overlap: this may be chance.";
  // On the same problems a paired test sees more than two intervals do.
  if (paired?.against === before.name)
    certainty = `McNemar's paired test: p ${formatChance(paired.p)}${paired.p < 0.05 ? "" : ", so this may be chance"}.`;
  return `Stage ${after.name} ${verb} accuracy from ${from} to ${to} (${points >= 0 ? "+" : "−"}${Math.abs(points).toFixed(1)} points, n = ${formatCount(after.n)}). ${certainty}`;
}
