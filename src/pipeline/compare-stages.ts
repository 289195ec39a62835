import { mcnemarP } from "../base/statistics.ts";
import type { AttemptRecord, PairedComparison } from "../records/events.ts";
import { isCounted } from "./attempt-record.ts";

/**
 * The answers of a stage set against those of the measured stage before it, problem by problem.
 *
 * @param earlier samples of earlier stages, in order; the last stage among them is the one compared with
 * @param all the stage's own samples; of either, attempts drawn at random are passed over
 * @returns null when no stage was measured before, or not on the same problems
 */
export function compareWithBefore(
  earlier: Iterable<AttemptRecord>,
  all: readonly AttemptRecord[],
): PairedComparison | null {
  const records = all.filter(isCounted);
  let against: string | null = null;
  let before = new Map<string, boolean>();
  for (const record of earlier) {
    const { stage, problem, parts } = record;
    if (stage === records[0]?.stage || !isCounted(record)) continue;
    if (stage !== against) before = new Map();
    against = stage;
    before.set(problem, parts.correct === 1);
  }
  if (against === null || !records.every(({ problem }) => before.has(problem))) return null;
  const mended = records.filter(({ problem, parts }) => parts.correct === 1 && !before.get(problem)).length;
  const broken = records.filter(({ problem, parts }) => parts.correct !== 1 && before.get(problem)).length;
  return { against, mended, broken, p: mcnemarP(mended, broken) };
}
