import type { EvaluationDetails } from "../records/evaluation.ts";
import type { AttemptRecord, PairedComparison } from "../records/events.ts";
import { formatChance, formatCount, formatInterval, formatPaired, formatPercent, formatValue } from "./format.ts";
import { type Column, formatTable } from "./table.ts";
import { plainStyle, type TerminalStyle } from "./terminal-style.ts";

/** One line of the comparison's table. */
export interface ComparedLine {
  name: string;
  summary: EvaluationDetails & { accuracy: number; ci95: [number, number]; formatAccuracy: number };
  comparison: PairedComparison | null;
}

/** Measurements side by side: accuracy, what changed with McNemar's p, format, and where they are known flexible accuracy, length and cut share. */
export function comparisonTable(lines: readonly ComparedLine[], style: TerminalStyle = plainStyle): string {
  const flexible = lines.some(({ summary }) => summary.flexibleAccuracy !== undefined);
  const left = (title: string): Column => ({ title, align: "left" });
  const right = (title: string): Column => ({ title, align: "right" });
  const columns = [
    left("measured"),
    ...["accuracy", "95 % interval", "mended, broken"].map(right),
    ...(flexible ? [right("flexible")] : []),
    ...["format", "length", "cut"].map(right),
  ];
  const rows = lines.map(({ name, summary, comparison }) => {
    const { accuracy, ci95, flexibleAccuracy = Number.NaN, formatAccuracy, meanLength, truncatedShare } = summary;
    return [
      style.bold(name),
      style.bold(formatPercent(accuracy)),
      formatInterval(ci95),
      comparison ? formatPaired(comparison) : "",
      ...(flexible ? [formatPercent(flexibleAccuracy)] : []),
      formatPercent(formatAccuracy),
      meanLength === undefined ? "–" : formatValue(meanLength),
      formatPercent(truncatedShare ?? Number.NaN),
    ];
  });
  return formatTable(columns, rows, style);
}

/** What a paired comparison comes to, in one sentence. */
export function comparisonSentence(name: string, n: number, { against, mended, broken, p }: PairedComparison): string {
  const changed = `${formatCount(mended)} of ${formatCount(n)} answers mended, ${formatCount(broken)} broken against ${against}`;
  if (mended === broken) return `${name}: ${changed}: as many either way`;
  const word = mended > broken ? "better" : "worse";
  return p < 0.05
    ? `${name}: ${changed}: ${word}, and hardly by chance (p ${formatChance(p)})`
    : `${name}: ${changed}: ${word}, but chance may be the reason (p ${formatChance(p)})`;
}

const longest = 160;

/** Some changed answers, one block each: the question, the answer before, the answer after, and the gold one. */
export function changedAnswers(
  title: string,
  changed: readonly { before: AttemptRecord; after: AttemptRecord }[],
  count: number,
  style: TerminalStyle = plainStyle,
): string {
  const shown = changed.slice(0, count).map(({ before, after }) => {
    const question = before.question.replace(/\s+/g, " ");
    const cut = question.length > longest ? `${question.slice(0, longest - 1)}…` : question;
    const answer = (record: AttemptRecord) =>
      (record.parts.correct === 1 ? style.green : style.red)(
        record.answer ?? (record.stop === "length" ? "cut off" : "no answer"),
      );
    return `  ${cut}\n    ${answer(before)} → ${answer(after)}${style.dim(`, expected ${before.gold}`)}`;
  });
  if (shown.length === 0) return "";
  const head = shown.length < changed.length ? `${title}, ${shown.length} of ${formatCount(changed.length)}` : title;
  return [style.bold(head), ...shown].join("\n");
}
