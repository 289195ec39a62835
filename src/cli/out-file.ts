import { statSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "./failure.ts";

/**
 * Refuses an `--out`, or another flag's file, that could not be written, before the work whose result would go there.
 *
 * @throws UsageError when it is a directory, or lies in none
 */
export function checkOutFile(out: string | undefined, flag = "--out"): void {
  if (out === undefined) return;
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${flag} ${out}: expected a file, there is a directory`);
  if (!statSync(dirname(out), { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${flag} ${out}: there is no directory ${dirname(out)}; make it first`);
}
