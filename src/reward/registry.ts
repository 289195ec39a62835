import { z } from "zod";
import type { RewardContext, RewardKind } from "./reward-kind.ts";
import { rewardKind } from "./reward-kind.ts";
import { arithmetic } from "./rewards/arithmetic.ts";
import { cookbook } from "./rewards/cookbook.ts";
import { length } from "./rewards/length.ts";
import { outcome } from "./rewards/outcome.ts";
import { r1Zero } from "./rewards/r1-zero.ts";
import { repetition } from "./rewards/repetition.ts";
import { similarity } from "./rewards/similarity.ts";
import { weighted } from "./rewards/weighted.ts";
import type { NamedReward } from "./stage-rewards.ts";

/** A part that the task grades by itself, as a reward. */
const taskPart = (part: string, tasks: RewardKind["tasks"]): RewardKind =>
  rewardKind({ tasks, options: z.strictObject({}), make: () => ({ weights: { [part]: 1 }, score: null }) });

/** Every reward that a recipe can use by its name; those that are parts of the task first. */
export const rewardKinds: Readonly<Record<string, RewardKind>> = {
  correct: taskPart("correct", "any"),
  format: taskPart("format", "any"),
  steps: taskPart("steps", "any"),
  flexible: taskPart("flexible", "words"),
  setup: taskPart("setup", "words"),
  weighted,
  outcome,
  cookbook,
  "r1-zero": r1Zero,
  arithmetic,
  length,
  repetition,
  similarity,
} as Readonly<Record<string, RewardKind>>;

/** What a reward counts for: all its parts by one number, or parts by their names, and the others not at all. */
export type RewardWeight = number | Readonly<Record<string, number>>;

/**
 * A reward of the registry, its weights scaled.
 *
 * @param options checked by its kind's schema
 * @throws ConfigError when the context lacks what it needs
 */
export function makeReward(name: string, options: unknown, weight: RewardWeight, context: RewardContext): NamedReward {
  const made = rewardKinds[name].make(options, context);
  return { ...made, name, weights: weighParts(made.weights, weight) };
}

/** Weights of parts under a reward's own weight. */
export function weighParts(weights: Readonly<Record<string, number>>, weight: RewardWeight): Record<string, number> {
  if (typeof weight !== "number") return { ...weight };
  return Object.fromEntries(Object.entries(weights).map(([part, own]) => [part, own * weight]));
}
