import { DataError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";

/** One row of a data file. */
export interface Row {
  /** Position among the rows of its file, from 1; a header does not count. */
  number: number;
  /** Where a person finds it: `train.jsonl, line 12` or `train.parquet, row 12`. */
  place: string;
  cells: Readonly<Record<string, unknown>>;
}

/** A data file as rows of named cells. */
export interface Table {
  path: string;
  /** Every column that some row has, in order of appearance. */
  columns: readonly string[];
  rows: readonly Row[];
}

/** Why one row cannot be used; the message is the reason, its place is the row's. */
export class UnusableRow extends Error {}

/**
 * Checks that a table has columns.
 * @throws DataError naming every missing one, the nearest there is, and those there are
 */
export function requireColumns(table: Table, required: readonly string[]): void {
  const missing = required.filter((name) => !table.columns.includes(name));
  if (missing.length === 0) return;
  const words = missing.map((name) => {
    const near = nearest(name, table.columns);
    return near === null ? name : `${name} (did you mean ${near}?)`;
  });
  throw new DataError(
    `${table.path}: expected the columns ${required.join(", ")}; missing: ${words.join(", ")}; ` +
      `there are ${table.columns.slice(0, 50).join(", ") || "none"}: name the columns as the file has them`,
  );
}

/**
 * The text of a cell without outer spaces; numbers as they are written in decimal.
 * @throws UnusableRow when it is empty or neither text nor number
 */
export function textCell(row: Row, column: string): string {
  const cell = Object.hasOwn(row.cells, column) ? row.cells[column] : undefined;
  const text =
    typeof cell === "string" || typeof cell === "bigint" || (typeof cell === "number" && Number.isFinite(cell))
      ? String(cell).trim()
      : null;
  if (text === "" || cell === undefined || cell === null) throw new UnusableRow(`${column} is empty`);
  if (text === null) throw new UnusableRow(`${column} is ${kindOf(cell)}, expected text or a number`);
  return text;
}

function kindOf(cell: unknown): string {
  if (Array.isArray(cell)) return "a list";
  return typeof cell === "object" ? "an object" : String(cell);
}
