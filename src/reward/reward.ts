import { ConfigError } from "../base/errors.ts";
import type { Attempt, RewardParts } from "../records/attempt.ts";
import type { Problem } from "../records/problem.ts";

/** Scores one attempt at a problem in named parts; pure. */
export type Reward = (attempt: Attempt, problem: Problem) => RewardParts;

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
