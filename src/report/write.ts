import { writeFileAtomic } from "../base/atomic-file.ts";
import { type ReportInput, renderReport } from "./page.ts";

/**
 * Writes the report page to `path`, whole or not at all, so that a reader never sees half a page.
 *
 * @throws DataError when `path` names a directory or a device, or lies in no directory; CheckpointError when the disk is
 * full
 */
export function writeReport(path: string, input: ReportInput): void {
  writeFileAtomic(path, renderReport(input));
}
