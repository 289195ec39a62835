import { CsvError, parse } from "csv-parse/sync";
import { DataError } from "../../base/errors.ts";
import type { Table } from "./table.ts";

/**
 * Rows of comma- or tab-separated values under a header; quoted cells may hold line ends (RFC 4180).
 *
 * @param file name for the rows' places
 * @throws DataError when quotes or the number of cells in a row are wrong, or the header names a column twice or not at
 *   all; names the line
 */
export function parseCsv(text: string, file: string, delimiter: "," | "\t"): Pick<Table, "columns" | "rows"> {
  const records = parseRecords(text, file, delimiter);
  if (records.length === 0) throw new DataError(`${file}: expected a header and rows, got an empty file`);
  const columns = records[0].record.map((name) => name.trim());
  const wrong = columns.find((name, place) => name === "" || columns.indexOf(name) !== place);
  if (wrong !== undefined) {
    throw new DataError(
      `${file}, line 1: expected a header of different names, got ${wrong === "" ? "an empty one" : `${wrong} twice`}; ` +
        "is the first line a header?",
    );
  }
  const rows = records.slice(1).map(({ record, line }, index) => ({
    number: index + 1,
    place: `${file}, line ${line}`,
    cells: Object.fromEntries(columns.map((name, place) => [name, record[place]])),
  }));
  return { columns, rows };
}

function parseRecords(text: string, file: string, delimiter: string): { record: string[]; line: number }[] {
  try {
    const record_delimiter = ["\r\n", "\n"];
    const options = { bom: true, delimiter, record_delimiter, info: true, skip_empty_lines: true } as const;
    const parsed = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    // A record's own count is of the line it ends on.
    return parsed.map(({ record, info }) => ({ record, line: info.lines - lineEnds(record) }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DataError(`${file}: ${error.message}; correct the quotes or the number of cells there`);
  }
}

function lineEnds(record: readonly string[]): number {
  return record.reduce((total, cell) => total + (cell.match(/\n/g)?.length ?? 0), 0);
}
