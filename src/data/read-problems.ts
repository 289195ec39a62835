import { basename, join } from "node:path";
import { DataError } from "../base/errors.ts";
import type { HubOptions } from "../base/hub/snapshot.ts";
import { hashText, Rng } from "../base/rng.ts";
import type { Problem } from "../records/problem.ts";
import { findDataFiles } from "./find-data-files.ts";
import { type ColumnNames, columnsLayout } from "./layouts/columns.ts";
import { gsm8kLayout } from "./layouts/gsm8k.ts";
import type { Layout } from "./layouts/layout.ts";
import { mathLayout } from "./layouts/math.ts";
import { SVAMP_ROWS, SVAMP_SPLITS, svampLayout } from "./layouts/svamp.ts";
import { locateDataset } from "./locate-dataset.ts";
import { readTable } from "./tables/read-table.ts";
import { type Row, requireColumns, type Table, UnusableRow } from "./tables/table.ts";

/** What `readProblems` reads. */
export interface ReadOptions {
  /** A data file, a directory of them, or a hub's id: `org/name[@revision]`. */
  path: string;
  /** How rows read; `columns` needs their names. */
  layout: "gsm8k" | "svamp" | "math" | "columns";
  columns?: ColumnNames;
  split: "train" | "test";
  /** A file within the directory, where the split's name does not find it. */
  file?: string;
  /** First and last row to use, by position from 1, both included. Default: all of the split. */
  rows?: readonly [number, number];
  /** Put the problems in an order drawn with this seed, before `limit` counts. Default: as in the file. */
  shuffleSeed?: number;
  /** Use this many at most. */
  limit?: number;
  /** GSM8K's `<<48/2=24>>` in worked solutions. Default strip. */
  calculatorNotes?: "keep" | "strip";
  /** How a hub is reached. */
  hub?: HubOptions;
}

/** A row without a usable problem in it, for the user to see before anything is trained. */
export interface SetAsideRow {
  /** `train.jsonl, line 12`. */
  place: string;
  reason: string;
}

/** The problems of a data set, and the rows it had that are none. */
export interface ProblemSet {
  problems: Problem[];
  setAside: SetAsideRow[];
}

const STREAM = hashText("read-problems");

/**
 * Reads the problems of a data set. Ids are those of the file, or else `train/12`: its name and the row's position.
 *
 * @throws DataError when the file is missing or broken, lacks columns, has an id twice, is shorter than `rows`, or when no
 *   row is usable; names file, line and column
 */
export async function readProblems(options: ReadOptions): Promise<ProblemSet> {
  const layout = layoutOf(options);
  // SVAMP is published as one file, test.jsonl, of which the first part is for training.
  const names = options.layout === "svamp" ? [options.split, "test"] : [options.split];
  const root = await locateDataset(options.path, { names, file: options.file, hub: options.hub });
  const path = options.file === undefined ? root : join(root, options.file);
  const tables = await Promise.all(findDataFiles(path, names).map(readTable));
  for (const table of tables) requireColumns(table, layout.columns);
  const set: ProblemSet = { problems: [], setAside: [] };
  for (const { row, id } of chooseRows(tables, options, path)) {
    try {
      set.problems.push({ id, ...layout.read(row) });
    } catch (error) {
      if (!(error instanceof UnusableRow)) throw error;
      set.setAside.push({ place: row.place, reason: error.message });
    }
  }
  requireUsable(set, path);
  const { shuffleSeed, limit } = options;
  if (shuffleSeed !== undefined) new Rng(STREAM, shuffleSeed).shuffle(set.problems);
  return limit === undefined ? set : { ...set, problems: set.problems.slice(0, limit) };
}

/** One line for each row set aside, at most twenty: what a command prints before it trains. */
export function describeSetAside(setAside: readonly SetAsideRow[]): string {
  const lines = setAside.slice(0, 20).map(({ place, reason }) => `${place}: ${reason}`);
  return [...lines, ...(setAside.length > 20 ? [`and ${setAside.length - 20} more`] : [])].join("\n");
}

function layoutOf({ layout, columns, calculatorNotes = "strip" }: ReadOptions): Layout {
  switch (layout) {
    case "gsm8k":
      return gsm8kLayout({ calculatorNotes });
    case "svamp":
      return svampLayout;
    case "math":
      return mathLayout;
    case "columns":
      if (columns !== undefined) return columnsLayout(columns);
      throw new DataError("readProblems: a layout of columns needs their names; give columns: { question, answer }");
  }
}

function chooseRows(tables: readonly Table[], options: ReadOptions, path: string): { row: Row; id: string }[] {
  const all = tables.flatMap((table) => {
    const stem = basename(table.path).replace(/\..*$/, "");
    return table.rows.map((row) => ({ row, id: `${stem}/${row.number}` }));
  });
  const published = options.layout === "svamp" && all.length === SVAMP_ROWS;
  const [first, last] = options.rows ?? (published ? SVAMP_SPLITS[options.split] : [1, all.length]);
  if (all.length > 0 && first >= 1 && first <= last && last <= all.length) return all.slice(first - 1, last);
  throw new DataError(`${path}: expected rows ${first} to ${last}, the file has ${all.length}; correct rows`);
}

function requireUsable({ problems, setAside }: ProblemSet, path: string): void {
  if (problems.length === 0) {
    throw new DataError(
      `${path}: expected problems, none of ${setAside.length} rows is usable\n${describeSetAside(setAside)}`,
    );
  }
  const seen = new Set<string>();
  const twice = problems.map(({ id }) => id).filter((id) => seen.size === seen.add(id).size);
  if (twice.length === 0) return;
  throw new DataError(
    `${path}: expected each id once, got twice: ${[...new Set(twice)].slice(0, 10).join(", ")}` +
      `${twice.length > 10 ? ` and ${twice.length - 10} more` : ""}; correct the ids, or name no id column`,
  );
}
