import { formatCount, formatDuration, formatInterval, formatPaired, formatPercent } from "./format.ts";
import type { StageResult } from "./summary.ts";
import { plainStyle, type TerminalStyle } from "./terminal-style.ts";
import { displayWidth, pad } from "./text-width.ts";

/** A column of a terminal table. */
export interface Column {
  title: string;
  align: "left" | "right";
}

const gap = "   ";

/**
 * A table of aligned columns with one light rule under the headings; widths count terminal columns, so wide characters
 * and coloured cells line up. No line ends in spaces, and the text ends without a line break.
 *
 * @param rows cells in column order; missing ones are empty
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: TerminalStyle = plainStyle,
): string {
  const widths = columns.map(({ title }, c) =>
    Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[c] ?? ""))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, c) => pad(cells[c] ?? "", widths[c], align))
      .join(gap)
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("─".repeat(gap.length));
  return [style.dim(line(columns.map(({ title }) => title))), style.dim(rule), ...rows.map(line)].join("\n");
}

/**
 * The stage table: `stage | accuracy | 95 % interval | format | n | time`, one line per measured stage; where stages were
 * compared with the one before, also which answers were mended and broken since, with McNemar's p.
 */
export function stageTable(results: readonly Omit<StageResult, "kind">[], style: TerminalStyle = plainStyle): string {
  const columns: Column[] = [
    { title: "stage", align: "left" },
    { title: "accuracy", align: "right" },
    { title: "95 % interval", align: "right" },
    { title: "format", align: "right" },
    { title: "n", align: "right" },
    { title: "time", align: "right" },
  ];
  if (results.some(({ paired }) => paired)) columns.splice(3, 0, { title: "against the stage before", align: "right" });
  const rows = results.map(({ name, accuracy, ci95, formatAccuracy, n, seconds, paired }) => [
    style.bold(name),
    style.bold(formatPercent(accuracy)),
    formatInterval(ci95),
    ...(columns.length > 6 ? [paired ? formatPaired(paired) : ""] : []),
    formatPercent(formatAccuracy),
    formatCount(n),
    formatDuration(seconds),
  ]);
  return formatTable(columns, rows, style);
}
