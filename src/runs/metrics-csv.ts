import type { RunEvent } from "../records/events.ts";

/**
 * The metrics of a run as a table: `stage,step,time` and one column per metric name, sorted by name; a metric a step
 * does not have is empty. Numbers are printed with the fewest digits that read back to the same value.
 *
 * @param events live events, as `readEvents` gives them
 * @returns RFC 4180 text with \n line ends
 */
export function metricsCsv(events: Iterable<RunEvent>): string {
  const rows = [...events].filter((event) => event.type === "metrics");
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.values)))].sort();
  const lines = [["stage", "step", "time", ...names].map(quote).join(",")];
  for (const { stage, step, time, values } of rows) {
    const cells = names.map((name) => (values[name] === undefined ? "" : String(values[name])));
    lines.push([quote(stage), step, time, ...cells].join(","));
  }
  return `${lines.join("\n")}\n`;
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
