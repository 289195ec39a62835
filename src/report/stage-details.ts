import { formatPercent, formatShare, formatValue } from "./format.ts";
import { html, type Markup } from "./html.ts";
import type { StageResult } from "./summary.ts";

const width = 360;
const plot = { left: 104, right: 296 };
const rowHeight = 26;
const barHeight = 12;
const longestName = 15;

/** One figure of the measured stages. */
interface Detail {
  title: string;
  caption: string;
  value(result: StageResult): number | undefined;
  /** Of the axis; without it the largest value. */
  most?: number;
  format(value: number): string;
}

/** Figures of random attempts, which all stages of a recipe have, or none. */
function sampledDetails(results: readonly StageResult[]): Detail[] {
  const attempts = results.find(({ sampled }) => sampled)?.sampled?.attempts;
  if (attempts === undefined) return [];
  return [
    {
      title: `pass@${attempts}`,
      caption: `Problems that one of ${attempts} random attempts solves. Where it stays while accuracy rises, training made the model surer, not abler.`,
      value: ({ sampled }) => sampled?.passAt.at(-1)?.value,
      most: 1,
      format: formatPercent,
    },
    {
      title: `maj@${attempts}`,
      caption: `Problems whose most frequent answer of ${attempts} is right.`,
      value: ({ sampled }) => sampled?.majority.value,
      most: 1,
      format: formatPercent,
    },
  ];
}

const plainDetails: readonly Detail[] = [
  {
    title: "Right in any form",
    caption:
      "Also as the last number, where the form marks no answer. Far above accuracy: the model knows more than it shows.",
    value: ({ flexibleAccuracy }) => flexibleAccuracy,
    most: 1,
    format: formatPercent,
  },
  {
    title: "Well formed",
    caption: "Answers in the expected form, right or wrong.",
    value: ({ formatAccuracy }) => formatAccuracy,
    most: 1,
    format: formatPercent,
  },
  {
    title: "Tokens of a completion",
    caption: "Greedy ones, on average.",
    value: ({ meanLength }) => meanLength,
    format: formatValue,
  },
  {
    title: "Cut off at the length limit",
    caption: "Completions that never ended; their answers are lost.",
    value: ({ truncatedShare }) => truncatedShare,
    most: 1,
    format: formatShare,
  },
];

/**
 * What changes from stage to stage beside accuracy, one small chart for each figure that every stage has.
 *
 * @returns null with fewer than two stages, or where none says more than accuracy and form
 */
export function stageDetails(results: readonly StageResult[]): Markup | null {
  if (results.length < 2 || results.every(({ meanLength }) => meanLength === undefined)) return null;
  const shown = [...plainDetails, ...sampledDetails(results)].filter(({ value }) =>
    results.every((result) => value(result) !== undefined),
  );
  return html`<div class="charts">${shown.map((detail) => panel(detail, results))}</div>`;
}

function panel({ title, caption, value, most, format }: Detail, results: readonly StageResult[]): Markup {
  const values = results.map((result) => value(result) ?? 0);
  const scale = most ?? Math.max(...values, Number.MIN_VALUE);
  const rows = results.map(({ name, kind }, i) => {
    const top = i * rowHeight + 6;
    const shownName = name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name;
    const track = plot.right - plot.left;
    const length = Math.round((10 * track * values[i]) / scale) / 10;
    return html`<g class="k-${kind}"><text x="0" y="${top + 10}">${shownName}</text><rect class="track" x="${plot.left}" y="${top}" width="${track}" height="${barHeight}" rx="2"/><rect class="bar" x="${plot.left}" y="${top}" width="${length}" height="${barHeight}" rx="2"/><text class="figure" x="${width}" y="${top + 10}" text-anchor="end">${format(values[i])}</text></g>`;
  });
  const spoken = results.map(({ name }, i) => `${name} ${format(values[i])}`).join("; ");
  return html`<figure class="chart"><div class="head"><h4>${title}</h4></div><svg viewBox="0 0 ${width} ${results.length * rowHeight}" role="img" aria-label="${title}: ${spoken}">${rows}</svg><figcaption>${caption}</figcaption></figure>`;
}
