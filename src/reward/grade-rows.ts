import { mean, wilsonInterval } from "../base/statistics.ts";
import type { RewardParts } from "../records/attempt.ts";
import type { GradingRow } from "./read-grading-rows.ts";
import { type Grade, type GradingOptions, gradeAnswer, gradeResponse, gsm8kParts, score } from "./rules.ts";

/** A row with what it came to; what the file said of it comes first. */
export interface GradedRow extends Record<string, unknown> {
  verdict: boolean | null;
  extracted: string | null;
  rule: string;
  tier: Grade["tier"];
  /** Why there is no verdict. */
  reason?: string;
  parts: RewardParts;
}

/** What the rows of a file came to. */
export interface GradingSummary {
  n: number;
  correct: number;
  wrong: number;
  ungraded: number;
  /** Of the rows that have a verdict; null where none has. */
  accuracy: number | null;
  /** Wilson's 95 % interval. */
  ci95: [number, number] | null;
  /** Mean of each part over the rows that have it. */
  parts: Record<string, number>;
}

/** Rows that are graded side by side: enough to keep threads busy, few enough to hear of progress. */
const AT_ONCE = 256;

/** Grades rows in order, some at a time, as training does; the reward parts of responses tell GSM8K's two verdicts, too. */
export async function* gradeRows(rows: readonly GradingRow[], options: GradingOptions): AsyncGenerator<GradedRow[]> {
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    const some = rows.slice(start, start + AT_ONCE);
    yield await Promise.all(some.map(async (row) => gradedRow(row, await gradeRow(row, options))));
    // What draws progress has its turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Counts and shares of graded rows. */
export function summarizeGrading(rows: readonly GradedRow[]): GradingSummary {
  const correct = rows.filter(({ verdict }) => verdict === true).length;
  const wrong = rows.filter(({ verdict }) => verdict === false).length;
  const graded = correct + wrong;
  const names = new Set(rows.flatMap(({ parts }) => Object.keys(parts)));
  const meanOf = (name: string) => {
    const values = rows.flatMap(({ parts }) => parts[name] ?? []);
    return values.length === 0 ? [] : [[name, mean(values)] as const];
  };
  return {
    n: rows.length,
    correct,
    wrong,
    ungraded: rows.length - graded,
    accuracy: graded === 0 ? null : correct / graded,
    ci95: graded === 0 ? null : wilsonInterval(correct, graded),
    parts: Object.fromEntries([...names].flatMap(meanOf)),
  };
}

const gradeRow = ({ response, answer, gold }: GradingRow, options: GradingOptions): Grade | Promise<Grade> =>
  response === null ? gradeAnswer(answer, gold, options) : gradeResponse(response, gold, options);

function gradedRow({ cells, response, gold }: GradingRow, grade: Grade): GradedRow {
  const { verdict, extracted, rule, tier, format } = grade;
  const reason = verdict === null ? (grade.reason ?? "the rule cannot read the gold answer") : undefined;
  return {
    ...cells,
    verdict,
    extracted,
    rule,
    tier,
    ...(reason !== undefined && { reason }),
    parts: { correct: score(verdict), format, ...(response !== null && gsm8kParts(response, gold)) },
  };
}
