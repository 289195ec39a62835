import type { Attempt, ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";

/** What an update sees of a group. */
export interface LiveGroup {
  prompt: Prompt;
  attempts: Attempt[];
  advantages: number[];
  /** Which of the group's attempts these are. */
  places: number[];
}

/**
 * Places of the attempts of a group that an update runs over: all of them, or with `maskTruncated` those that ended; none
 * where none of these has an advantage.
 */
export function trainedAttempts(
  { attempts, advantages }: Pick<ScoredGroup, "attempts" | "advantages">,
  { maskTruncated = false }: { maskTruncated?: boolean },
): number[] {
  const places = attempts.flatMap(({ stop }, i) => (maskTruncated && stop === "length" ? [] : [i]));
  return places.some((i) => advantages[i] !== 0) ? places : [];
}

/**
 * The groups that teach something, each with what an update runs over, and their places in the list. What is left out
 * counts in no normalizer; cut attempts count in the baseline of their group all the same.
 */
export function liveGroups(
  groups: readonly ScoredGroup[],
  options: { maskTruncated?: boolean },
): { group: LiveGroup; place: number }[] {
  return groups.flatMap((group, place) => {
    const places = trainedAttempts(group, options);
    if (places.length === 0) return [];
    const { prompt, attempts, advantages } = group;
    const live = {
      prompt,
      attempts: places.map((i) => attempts[i]),
      advantages: places.map((i) => advantages[i]),
      places,
    };
    return [{ group: live, place }];
  });
}
