import { DataError } from "../../base/errors.ts";
import type { Row, Table } from "./table.ts";

const MAX_LISTED = 10;

/**
 * Rows of JSON objects, one on each line; blank lines are passed over.
 *
 * @param file name for the rows' places
 * @throws DataError listing the lines that are not JSON objects
 */
export function parseJsonl(text: string, file: string): Pick<Table, "columns" | "rows"> {
  const columns = new Set<string>();
  const rows: Row[] = [];
  const broken: string[] = [];
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "") return;
    const place = `${file}, line ${index + 1}`;
    const cells = parseObject(line);
    if (typeof cells === "string") {
      broken.push(`${place}: ${cells}`);
      return;
    }
    for (const name of Object.keys(cells)) columns.add(name);
    rows.push({ number: rows.length + 1, place, cells });
  });
  if (broken.length > 0) {
    const more = broken.length > MAX_LISTED ? `\n  and ${broken.length - MAX_LISTED} more` : "";
    throw new DataError(
      `${file}: expected a JSON object on every line; correct or remove\n` +
        `  ${broken.slice(0, MAX_LISTED).join("\n  ")}${more}`,
    );
  }
  return { columns: [...columns], rows };
}

function parseObject(line: string): Record<string, unknown> | string {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return `expected an object {"question": …}, got \`${line.trim().slice(0, 40)}\``;
  } catch (error) {
    return `broken JSON (${(error as Error).message.slice(0, 120)})`;
  }
}
