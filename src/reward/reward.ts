import { ConfigError } from "../base/errors.ts";
import type { Attempt, PromptedAttempt, RewardParts } from "../records/attempt.ts";
import type { Problem } from "../records/problem.ts";

/** Scores one attempt at a problem in named parts; pure. */
export type Reward = (attempt: Attempt, problem: Problem) => RewardParts | Promise<RewardParts>;

/** A `Reward` that has its parts at once. */
export type SyncReward = (attempt: Attempt, problem: Problem) => RewardParts;

/**
 * The parts of every attempt under all rewards, in order; of parts with one name the last counts. Rewards that return
 * promises run side by side; the others cost no promise.
 */
export async function scoreParts(
  rewards: readonly Reward[],
  scored: readonly PromptedAttempt[],
): Promise<RewardParts[]> {
  const found = scored.map(({ attempt, prompt }) => rewards.map((reward) => reward(attempt, prompt.problem)));
  const pending = found.some((row) => row.some((parts) => parts instanceof Promise));
  const settled = pending ? await Promise.all(found.map((row) => Promise.all(row))) : found;
  return settled.map((row) => Object.assign({}, ...row));
}

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
