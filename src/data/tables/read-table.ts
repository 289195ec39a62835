import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { DataError } from "../../base/errors.ts";
import { parseCsv } from "./csv.ts";
import { parseJsonl } from "./jsonl.ts";
import { parseParquet } from "./parquet.ts";
import type { Table } from "./table.ts";

/** Most bytes a compressed file may unpack to, so that a small hostile one cannot fill the memory. */
const MAX_UNPACKED_BYTES = 2 ** 29;

/** What `readTable` reads. */
export const TABLE_ENDINGS = [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet"] as const;

/** Whether `readTable` reads a file of this name. */
export function isTableName(name: string): boolean {
  return TABLE_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
}

/**
 * Reads a data file whole, by its ending.
 * @throws DataError when it is missing, of another kind, not UTF-8, or broken; names the line or row
 */
export async function readTable(path: string): Promise<Table> {
  const name = path.toLowerCase();
  if (!isTableName(name)) {
    throw new DataError(`${path}: expected a name ending in ${TABLE_ENDINGS.join(", ")}; convert or rename the file`);
  }
  const bytes = readBytes(path);
  const file = basename(path);
  if (name.endsWith(".parquet")) return { path, ...(await parseParquet(bytes, file)) };
  const text = decodeText(name.endsWith(".gz") ? unpack(bytes, path) : bytes, path);
  if (/\.jsonl(\.gz)?$/.test(name)) return { path, ...parseJsonl(text, file) };
  return { path, ...parseCsv(text, file, /\.tsv(\.gz)?$/.test(name) ? "\t" : ",") };
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new DataError(`${path}: cannot be read (${(error as Error).message}); give the path of a data file`);
  }
}

function unpack(bytes: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (error) {
    throw new DataError(
      `${path}: expected gzip that unpacks to at most ${MAX_UNPACKED_BYTES / 2 ** 20} MiB, ` +
        `got: ${(error as Error).message}; fetch the file again, or unpack and split it`,
    );
  }
}

function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DataError(`${path}: expected text in UTF-8 (${(error as Error).message}); save the file in UTF-8`);
  }
}
