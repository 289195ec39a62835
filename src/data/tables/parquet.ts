import { type FileMetaData, parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { DataError } from "../../base/errors.ts";
import type { Table } from "./table.ts";

/** More rows than this in one file are taken for a broken count. */
const MAX_ROWS = 1e7;

/**
 * Rows of a parquet file, uncompressed or in snappy. Columns of lists and structures are left out.
 *
 * @param file name for the rows' places
 * @throws DataError when it is no parquet file, is cut short, or uses another compression
 */
export async function parseParquet(bytes: Uint8Array, file: string): Promise<Pick<Table, "columns" | "rows">> {
  // Offsets in the file count from its own start, so bytes that are a view of something larger are copied.
  const whole = bytes.byteLength === bytes.buffer.byteLength;
  const buffer = (whole ? bytes : new Uint8Array(bytes)).buffer as ArrayBuffer;
  try {
    const metadata = parquetMetadata(buffer);
    if (metadata.num_rows > MAX_ROWS) throw new Error(`${metadata.num_rows} rows, expected at most ${MAX_ROWS}`);
    const flat = parquetSchema(metadata).children.filter(({ children }) => children.length === 0);
    const columns = flat.map(({ element }) => element.name);
    const records = await readColumns(buffer, metadata, columns);
    const rows = records.map((cells, index) => ({ number: index + 1, place: `${file}, row ${index + 1}`, cells }));
    return { columns, rows };
  } catch (error) {
    throw new DataError(
      `${file}: expected a whole parquet file, uncompressed or in snappy, got: ${(error as Error).message}; ` +
        "fetch or write the file again",
    );
  }
}

/**
 * One column of one row group at a time: when a file is broken in several places, hyparquet rejects a promise for each,
 * and one that nobody waits for would end the process.
 */
async function readColumns(file: ArrayBuffer, metadata: FileMetaData, columns: readonly string[]) {
  const records: Record<string, unknown>[] = [];
  for (const group of metadata.row_groups) {
    const start = records.length;
    const count = Number(group.num_rows);
    if (!(count >= 0 && start + count <= metadata.num_rows)) throw new Error(`a row group of ${group.num_rows} rows`);
    for (let row = 0; row < count; row++) records.push({});
    const alone = { ...metadata, row_groups: [group], num_rows: group.num_rows };
    for (const column of columns) {
      const cells = await parquetReadObjects({ file, metadata: alone, columns: [column] });
      if (cells.length !== count) throw new Error(`${cells.length} cells of ${column}, expected ${count}`);
      for (const [row, cell] of cells.entries()) records[start + row][column] = cell[column];
    }
  }
  if (records.length !== Number(metadata.num_rows)) {
    throw new Error(`${records.length} rows in row groups, expected ${metadata.num_rows}`);
  }
  return records;
}
