import { mean, wilsonInterval } from "../base/statistics.ts";
import type { RewardParts, StopReason } from "../records/attempt.ts";
import type { SampledSummary, Share } from "../records/evaluation.ts";
import type { EvaluationSummary } from "../records/events.ts";
import { majorityShare } from "./majority.ts";
import { countOutcomes, outcomeOf } from "./outcome.ts";
import { passAtK, reportedKs } from "./pass-at-k.ts";

/** What a summary reads of an attempt. */
export interface Measured {
  parts: RewardParts;
  stop: StopReason;
  /** Of the completion. */
  tokens: number;
  answer: string | null;
}

/** Everything that one greedy attempt at each problem says. */
export type AttemptsSummary = Omit<EvaluationSummary, "name" | "seconds">;

/** Accuracy, format, flexible accuracy, length, truncation and outcomes of one attempt at each problem. */
export function summarizeAttempts(measured: readonly Measured[]): AttemptsSummary {
  const n = measured.length;
  const outcomes = countOutcomes(measured.map((one) => outcomeOf(one)));
  const share = (part: string) => (n === 0 ? 0 : measured.filter(({ parts }) => parts[part] === 1).length / n);
  return {
    accuracy: n === 0 ? 0 : outcomes.correct / n,
    ci95: wilsonInterval(outcomes.correct, n),
    formatAccuracy: share("format"),
    n,
    ...(measured.some(({ parts }) => "flexible" in parts) && { flexibleAccuracy: share("flexible") }),
    ...lengthsOf(measured),
    outcomes,
    parts: partMeans(measured),
  };
}

/**
 * What several random attempts at each problem say: pass@k and maj@K, means over problems, with Wilson's intervals for as
 * many problems, which are wider than need be: a problem's own chance lies between 0 and 1.
 *
 * @param samples one list per problem, all of one length from 1
 * @param same whether two answers mean the same, see `majorityShare`
 */
export function summarizeSamples(
  samples: readonly (readonly Measured[])[],
  { temperature, topP }: Pick<SampledSummary, "temperature" | "topP">,
  same: (a: string, b: string) => boolean | null,
): SampledSummary {
  const attempts = samples[0].length;
  const rightOf = (list: readonly Measured[]) => list.filter(({ parts }) => parts.correct === 1).length;
  const majority = samples.map((list) =>
    majorityShare(
      list.map(({ answer, parts }) => ({ answer, correct: parts.correct === null ? null : parts.correct === 1 })),
      same,
    ),
  );
  return {
    attempts,
    temperature,
    topP,
    passAt: reportedKs(attempts).map((k) => ({
      k,
      ...meanShare(samples.map((list) => passAtK(attempts, rightOf(list), k))),
    })),
    majority: meanShare(majority),
    ...lengthsOf(samples.flat()),
  };
}

function meanShare(values: readonly number[]): Share {
  const value = mean(values);
  return { value, ci95: wilsonInterval(value * values.length, values.length) };
}

const lengthsOf = (measured: readonly Measured[]) => ({
  meanLength: mean(measured.map(({ tokens }) => tokens)),
  truncatedShare: mean(measured.map(({ stop }) => (stop === "length" ? 1 : 0))),
});

function partMeans(measured: readonly Measured[]): Record<string, number> {
  const means: Record<string, number> = {};
  for (const name of new Set(measured.flatMap(({ parts }) => Object.keys(parts)))) {
    const scored = measured.flatMap(({ parts }) => parts[name] ?? []);
    if (scored.length > 0) means[name] = mean(scored);
  }
  return means;
}
