import { rename, writeFile } from "node:fs/promises";
import { type ReportInput, renderReport } from "./page.ts";

/**
 * Writes the report page to `path`, aside first and then renamed, so that a reader never sees half a page.
 *
 * @throws whatever the file system says (no such directory, no space left)
 */
export async function writeReport(path: string, input: ReportInput): Promise<void> {
  const aside = `${path}.tmp`;
  await writeFile(aside, renderReport(input));
  await rename(aside, path);
}
