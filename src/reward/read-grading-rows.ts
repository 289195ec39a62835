import { DataError } from "../base/errors.ts";
import { readTable } from "../data/tables/read-table.ts";
import { type Row, requireColumns, type Table, textCell, UnusableRow } from "../data/tables/table.ts";
import { answerFormats } from "../prompt/answer-formats.ts";

/** A response, or an answer that was taken from one, and the gold answer to grade it by. */
export interface GradingRow {
  /** Where a person finds it: `out.jsonl, line 12`. */
  place: string;
  /** Everything that the file says of it. */
  cells: Readonly<Record<string, unknown>>;
  gold: string;
  /** A whole response; null in a row that gives an answer. */
  response: string | null;
  /** An answer; null in a row that gives a response, and where there is no answer. */
  answer: string | null;
}

const MOST_LISTED = 20;

/**
 * Reads what is to be graded: a file of rows `{"gold", "response"}` or `{"gold", "answer"}`, of any kind that `readTable`
 * reads. Of a gold answer that is a worked solution, the last `\boxed{…}` counts, or what follows the last `####`.
 *
 * @throws DataError when the file is missing or broken, has no rows, lacks columns, or has rows without a gold answer or
 *   without one thing to grade; lists them by file and line
 */
export async function readGradingRows(path: string): Promise<GradingRow[]> {
  const table = await readTable(path);
  if (table.rows.length === 0) throw new DataError(`${path}: expected rows to grade, the file has none`);
  requireColumns(table, ["gold", givenColumn(table)]);
  const rows: GradingRow[] = [];
  const unusable: string[] = [];
  for (const row of table.rows) {
    try {
      rows.push(readRow(row));
    } catch (error) {
      if (!(error instanceof UnusableRow)) throw error;
      unusable.push(`${row.place}: ${error.message}`);
    }
  }
  if (unusable.length === 0) return rows;
  const more = unusable.length > MOST_LISTED ? `\n  and ${unusable.length - MOST_LISTED} more` : "";
  throw new DataError(
    `${path}: expected a gold answer, and a response or an answer, in every row; correct or remove\n` +
      `  ${unusable.slice(0, MOST_LISTED).join("\n  ")}${more}`,
  );
}

/** The column that a file gives things to grade in, as one that is missing is named. */
const givenColumn = ({ columns }: Table): string =>
  columns.includes("answer") && !columns.includes("response") ? "answer" : "response";

function readRow(row: Row): GradingRow {
  const { place, cells } = row;
  const has = (column: string) => Object.hasOwn(cells, column) && cells[column] !== undefined;
  const gold = goldAnswer(textCell(row, "gold"));
  if (has("response") && has("answer"))
    throw new UnusableRow("it has a response and an answer, and one can be graded: leave one out");
  if (has("response")) return { place, cells, gold, response: givenText(row, "response"), answer: null };
  if (!has("answer")) throw new UnusableRow("it has neither response nor answer");
  // Null is how a reader of responses says that it found none.
  const answer = cells.answer === null ? null : givenText(row, "answer");
  return { place, cells, gold, response: null, answer };
}

/** What may be empty, as a model may say nothing. */
function givenText(row: Row, column: string): string {
  const cell = row.cells[column];
  return typeof cell === "string" ? cell : textCell(row, column);
}

function goldAnswer(gold: string): string {
  return (answerFormats.boxed.extract(gold) ?? answerFormats.hash.extract(gold))?.answer ?? gold;
}
