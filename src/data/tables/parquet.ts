import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { DataError } from "../../base/errors.ts";
import type { Table } from "./table.ts";

/** More rows than this in one file are taken for a broken count. */
const MAX_ROWS = 1e7;

/**
 * Rows of a parquet file, uncompressed or in snappy.
 *
 * @param file name for the rows' places
 * @throws DataError when it is no parquet file, is cut short, or uses another compression
 */
export async function parseParquet(bytes: Uint8Array, file: string): Promise<Pick<Table, "columns" | "rows">> {
  // A copy where the bytes are a view of something larger: offsets in the file count from its own start.
  const whole = bytes.byteLength === bytes.buffer.byteLength;
  const buffer = (whole ? bytes.buffer : bytes.slice().buffer) as ArrayBuffer;
  try {
    const metadata = parquetMetadata(buffer);
    if (metadata.num_rows > MAX_ROWS) throw new Error(`${metadata.num_rows} rows, expected at most ${MAX_ROWS}`);
    const records = await parquetReadObjects({ file: buffer, metadata });
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    const rows = records.map((cells, index) => ({ number: index + 1, place: `${file}, row ${index + 1}`, cells }));
    return { columns, rows };
  } catch (error) {
    throw new DataError(
      `${file}: expected a whole parquet file, uncompressed or in snappy, got: ${(error as Error).message}; ` +
        "fetch or write the file again",
    );
  }
}
