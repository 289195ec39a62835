import { wilsonInterval } from "../base/statistics.ts";
import type { BreakdownRow } from "../records/evaluation.ts";
import type { Problem } from "../records/problem.ts";

/** What tells kinds of problems apart, where a data set says it: MATH its level and subject, SVAMP its type. */
const kindFields = ["level", "subject", "type"] as const;

/**
 * Accuracy by level, subject and type, with Wilson's intervals, kinds in order (`10` after `9`). A field that fewer than two
 * kinds have is left out, as are problems without it.
 */
export function breakdownOf(answered: readonly { problem: Problem; correct: boolean }[]): BreakdownRow[] {
  return kindFields.flatMap((by) => {
    const kinds = new Map<string, { n: number; right: number }>();
    for (const { problem, correct } of answered) {
      const value = problem.meta?.[by];
      if (value === undefined) continue;
      const kind = kinds.get(String(value)) ?? { n: 0, right: 0 };
      kind.n++;
      if (correct) kind.right++;
      kinds.set(String(value), kind);
    }
    if (kinds.size < 2) return [];
    return [...kinds]
      .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
      .map(([kind, { n, right }]) => ({ by, kind, n, value: right / n, ci95: wilsonInterval(right, n) }));
  });
}
