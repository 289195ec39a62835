import { ConfigError } from "../base/errors.ts";
import type { Attempt, PromptedAttempt, RewardParts } from "../records/attempt.ts";
import type { Problem } from "../records/problem.ts";

/** What a recipe says to a reward beside its weight. */
export type RewardOptions = Readonly<Record<string, unknown>>;

/**
 * Scores one attempt at a problem in named parts: the same parts for every attempt, `null` for what cannot be scored. Pure:
 * the same attempt always earns the same. What takes time may return a promise; attempts of a step are then scored side by
 * side.
 *
 * @param options as the recipe gives them; `{}` where it gives none
 */
export type Reward<Options = RewardOptions> = (
  attempt: Attempt,
  problem: Problem,
  options: Options,
) => RewardParts | Promise<RewardParts>;

/** A `Reward` that has its parts at once and takes no options. */
export type SyncReward = (attempt: Attempt, problem: Problem) => RewardParts;

/**
 * Scores the attempts of a whole batch, in order.
 *
 * @param graded what the task's own grading says of each attempt
 */
export type BatchReward = (
  scored: readonly PromptedAttempt[],
  graded: readonly RewardParts[],
) => RewardParts[] | Promise<RewardParts[]>;

/**
 * The weighted sum Σ weights[name] · parts[name]. A part without a weight, and one that is null, adds nothing.
 * @throws ConfigError when a weight names no part
 */
export function weighReward(parts: RewardParts, weights: Readonly<Record<string, number>>): number {
  const unknown = Object.keys(weights).filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) {
    throw new ConfigError(
      `reward weights: expected the parts ${Object.keys(parts).join(", ")}, got ${unknown.join(", ")}; ` +
        "correct or remove the weight",
    );
  }
  return Object.entries(weights).reduce((total, [name, weight]) => total + weight * (parts[name] ?? 0), 0);
}
