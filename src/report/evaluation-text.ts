import type { BreakdownRow, EvaluationDetails, Outcome } from "../records/evaluation.ts";
import { formatCount, formatInterval, formatPercent, formatValue } from "./format.ts";
import { formatTable } from "./table.ts";
import { plainStyle, type TerminalStyle } from "./terminal-style.ts";
import { displayWidth } from "./text-width.ts";

/** Outcomes in words, in the order in which they are shown. */
export const outcomeWords: readonly (readonly [Outcome, string])[] = [
  ["correct", "correct"],
  ["wrong", "wrong answer"],
  ["format", "format failure"],
  ["truncated", "truncated"],
  ["ungradable", "ungradable"],
];

/**
 * What an evaluation says beside the stage table, for a terminal: what answers came to, length, pass@k and maj@k, and
 * accuracy by kind of problem. Empty for an evaluation that says no more.
 *
 * @param options.limit longest completion, in tokens
 */
export function evaluationText(
  details: EvaluationDetails,
  { limit }: { limit: number },
  style: TerminalStyle = plainStyle,
): string {
  const { outcomes, flexibleAccuracy, meanLength, truncatedShare = 0, sampled, breakdown = [], fewShot } = details;
  const lines: [string, string][] = [];
  if (outcomes)
    lines.push([
      "outcomes",
      outcomeWords
        .filter(([outcome]) => outcomes[outcome] > 0)
        .map(([outcome, words]) => `${formatCount(outcomes[outcome])} ${words}`)
        .join(", "),
    ]);
  if (flexibleAccuracy !== undefined)
    lines.push(["flexible", `${formatPercent(flexibleAccuracy)}, the last number counted where the format marks none`]);
  if (meanLength !== undefined)
    lines.push([
      "length",
      `${formatValue(meanLength)} tokens on average, ${formatPercent(truncatedShare)} cut off at ${formatCount(limit)}`,
    ]);
  if (fewShot) lines.push(["examples", `${formatCount(fewShot)} before each question`]);
  if (sampled) {
    for (const { k, value, ci95 } of sampled.passAt)
      lines.push([`pass@${k}`, `${formatPercent(value)} ${style.dim(`(${formatInterval(ci95)})`)}`]);
    const { attempts, majority, temperature, topP } = sampled;
    const drawn = `of ${formatCount(attempts)} attempts at temperature ${temperature}${topP < 1 ? `, top-p ${topP}` : ""}`;
    lines.push([
      `maj@${attempts}`,
      `${formatPercent(majority.value)} ${style.dim(`(${formatInterval(majority.ci95)}), ${drawn}`)}`,
    ]);
  }
  const widest = Math.max(0, ...lines.map(([name]) => displayWidth(name)));
  const facts = lines.map(([name, text]) => `${style.dim(name.padEnd(widest))}   ${text}`).join("\n");
  const tables = [...new Set(breakdown.map(({ by }) => by))].map((by) =>
    breakdownTable(
      by,
      breakdown.filter((row) => row.by === by),
      style,
    ),
  );
  return [facts, ...tables].filter((text) => text !== "").join("\n\n");
}

function breakdownTable(by: string, rows: readonly BreakdownRow[], style: TerminalStyle): string {
  return formatTable(
    [
      { title: by, align: "left" },
      { title: "accuracy", align: "right" },
      { title: "95 % interval", align: "right" },
      { title: "n", align: "right" },
    ],
    rows.map(({ kind, value, ci95, n }) => [kind, formatPercent(value), formatInterval(ci95), formatCount(n)]),
    style,
  );
}
