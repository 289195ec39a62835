import type { RewardParts, StopReason } from "../records/attempt.ts";
import type { Outcome } from "../records/evaluation.ts";

/**
 * What became of an attempt, the first that holds of: `ungradable`, no verdict (`correct` is null); `correct`; `truncated`,
 * cut at the length limit; `format`, not in the expected form; `wrong`, well formed with another answer.
 */
export function outcomeOf({ parts, stop }: { parts: RewardParts; stop: StopReason }): Outcome {
  const { correct = null, format } = parts;
  if (correct === null) return "ungradable";
  if (correct === 1) return "correct";
  if (stop === "length") return "truncated";
  return format === 1 ? "wrong" : "format";
}

/** How many of each outcome there are. */
export function countOutcomes(outcomes: Iterable<Outcome>): Record<Outcome, number> {
  const counts: Record<Outcome, number> = { correct: 0, wrong: 0, format: 0, truncated: 0, ungradable: 0 };
  for (const outcome of outcomes) counts[outcome]++;
  return counts;
}
