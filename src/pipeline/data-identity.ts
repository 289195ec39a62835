import { createHash } from "node:crypto";
import { DataError } from "../base/errors.ts";
import type { Problem } from "../records/problem.ts";

/**
 * What names the problems of a run, whatever file or revision they came from: sha256, in hexadecimal, of ids, questions,
 * answers and worked solutions, list by list, in order.
 */
export function dataIdentity(lists: readonly (readonly Problem[])[]): string {
  const hash = createHash("sha256");
  for (const problems of lists) {
    hash.update(`${problems.length}\n`);
    for (const { id, question, answer, solution = null } of problems)
      hash.update(`${JSON.stringify([id, question, answer, solution])}\n`);
  }
  return hash.digest("hex");
}

/**
 * Refuses to go on with a run on other problems: its stages would be measured, and the order of its steps drawn, from other
 * lists than before.
 *
 * @param stored identity the run was created with; null: its problems are generated, or it is older than this field
 * @throws DataError when the problems at `from` are others now
 */
export function checkSameData(run: string, from: string, stored: string | null, found: string | null): void {
  if (stored === null || stored === found) return;
  throw new DataError(
    `${run}: expected the problems it started with, sha256 ${stored}, from ${from}; found others, sha256 ${found}, after ` +
      "copies of test problems were left out; put the first ones back (a hub's data set can be named with its commit, " +
      "org/name@commit), or start a new run under another name",
  );
}
