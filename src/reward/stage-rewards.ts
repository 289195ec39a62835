import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { PromptedAttempt, RewardParts } from "../records/attempt.ts";
import type { BatchReward } from "./reward.ts";

/** A reward ready to score: what its parts are, and what they count for. */
export interface NamedReward {
  /** What it is called in errors: a name of the registry, or a file. */
  name: string;
  /** What parts count for, its own and the task's. */
  weights: Readonly<Record<string, number>>;
  /** What its own parts count for that are not among `weights`. Default 0. */
  otherWeight?: number;
  /** Its own parts; null: it weighs parts of the task alone. */
  score: BatchReward | null;
}

/** The task's own grading of a batch. */
export type Grade = (scored: readonly PromptedAttempt[]) => Promise<RewardParts[]>;

/** How attempts are scored, and what the parts count for. */
export interface StageRewards {
  grade: Grade;
  /** Without those that are 0. */
  weights: Record<string, number>;
}

/**
 * The task's grading with further rewards beside it. A batch is graded first, and then scored by all rewards side by side.
 *
 * @throws ConfigError, from the grading, when two of them have a part of one name
 */
export function withRewards(grade: Grade, rewards: readonly NamedReward[]): Grade {
  const scoring = rewards.filter(({ score }) => score !== null);
  if (scoring.length === 0) return grade;
  const names = ["the task", ...scoring.map(({ name }) => name)];
  return async (scored) => {
    const graded = await grade(scored);
    const own = await Promise.all(scoring.map(async ({ score }) => score?.(scored, graded) ?? []));
    return graded.map((parts, i) => joinParts(names, [parts, ...own.map((list) => list[i])]));
  };
}

/** The parts of one attempt, by whom they are from. */
function joinParts(names: readonly string[], lists: readonly RewardParts[]): RewardParts {
  const joined: RewardParts = {};
  for (const [source, parts] of lists.entries())
    for (const [part, value] of Object.entries(parts)) {
      if (Object.hasOwn(joined, part)) {
        const first = lists.findIndex((other) => Object.hasOwn(other, part));
        throw new ConfigError(
          `rewards: part ${part} comes from ${names[first]} and from ${names[source]}; leave one of them out, or rename its part`,
        );
      }
      joined[part] = value;
    }
  return joined;
}

/**
 * Tries every reward on a few attempts, so that what is wrong with it shows before training, and settles what each part
 * counts for. Weights of one part given by several rewards add up.
 *
 * @param trial attempts that were made up
 * @throws ConfigError when two rewards have a part of one name, a weight names no part, or every weight is 0
 * @throws RewardError as `guardReward`
 */
export async function openRewards(
  grade: Grade,
  rewards: readonly NamedReward[],
  trial: readonly PromptedAttempt[],
): Promise<StageRewards> {
  const graded = await grade(trial);
  const own = await Promise.all(rewards.map(async ({ score }) => (await score?.(trial, graded))?.[0] ?? {}));
  const parts = Object.keys(joinParts(["the task", ...rewards.map(({ name }) => name)], [graded[0], ...own]));
  const weights: Record<string, number> = {};
  for (const [r, { name, weights: given, otherWeight = 0 }] of rewards.entries()) {
    const others = Object.keys(own[r]).filter((part) => !Object.hasOwn(given, part));
    for (const [part, weight] of [...Object.entries(given), ...others.map((part) => [part, otherWeight] as const)]) {
      if (!parts.includes(part)) throw unknownPart(name, part, parts);
      weights[part] = (weights[part] ?? 0) + weight;
    }
  }
  const counted = Object.fromEntries(Object.entries(weights).filter(([, weight]) => weight !== 0));
  if (Object.keys(counted).length === 0)
    throw new ConfigError("rewards: every weight is 0, so nothing would be learned; weigh a part, e.g. correct: 1");
  return { grade: withRewards(grade, rewards), weights: counted };
}

function unknownPart(name: string, part: string, parts: readonly string[]): ConfigError {
  const near = nearest(part, parts);
  return new ConfigError(
    `rewards: ${name}: there is no part ${part} to weigh; ${near ? `did you mean ${near}?` : `parts: ${parts.join(", ")}`}`,
  );
}
