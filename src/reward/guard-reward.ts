import { RewardError } from "../base/errors.ts";
import type { PromptedAttempt, RewardParts } from "../records/attempt.ts";
import type { RewardWeight } from "./registry.ts";
import type { BatchReward, Reward, RewardOptions } from "./reward.ts";
import type { NamedReward } from "./stage-rewards.ts";

/** How a reward that we did not write is asked. */
export interface GuardOptions {
  /** Handed to the reward with every attempt. Default `{}`. */
  options?: RewardOptions;
  /** Longest time that the promises of one batch may take, in milliseconds. Default 60,000. */
  timeLimitMs?: number;
}

/** Names of parts become names of metrics and keys of weights. */
const PART_NAME = /^[A-Za-z][\w-]{0,63}$/;

/**
 * A reward that somebody else wrote, as one of a whole batch that either has all its parts or says what is wrong with it.
 * Rewards that return promises are asked for all attempts at once; those that do not cost none.
 *
 * @param name in errors, e.g. the reward's file
 * @throws RewardError, from the reward, where it throws or rejects, where promises are not settled within the time limit,
 * where a part is no finite number, or parts are not those of the attempts before. A reward that computes for ever without
 * returning cannot be stopped
 */
export function guardReward(
  name: string,
  reward: Reward,
  { options = {}, timeLimitMs = 60_000 }: GuardOptions = {},
): BatchReward {
  let expected: readonly string[] | null = null;
  return async (scored) => {
    const asked: (RewardParts | Promise<RewardParts>)[] = [];
    for (const one of scored) {
      try {
        const parts = reward(one.attempt, one.prompt.problem, options);
        asked.push(isPromise(parts) ? parts.then(undefined, (error) => fail(explainThrown(name, error, one))) : parts);
      } catch (error) {
        // Promises that were made before must not reject unheard.
        for (const made of asked) if (isPromise(made)) made.catch(() => {});
        throw explainThrown(name, error, one);
      }
    }
    const settled = asked.some(isPromise) ? await settleInTime(name, asked, timeLimitMs) : asked;
    return settled.map((parts, i) => {
      checkParts(name, parts, scored[i], expected);
      expected ??= Object.keys(parts);
      return parts as RewardParts;
    });
  };
}

/**
 * `guardReward` with what its parts count for.
 *
 * @param options weight: of every part, or of parts by their names, the others then counting nothing; default 1
 */
export function ownReward(
  name: string,
  reward: Reward,
  { weight = 1, ...guard }: GuardOptions & { weight?: RewardWeight } = {},
): NamedReward {
  const score = guardReward(name, reward, guard);
  if (typeof weight === "number") return { name, weights: {}, otherWeight: weight, score };
  return { name, weights: weight, score };
}

// Promises of other libraries, and of other realms, are no instances of ours.
const isPromise = (value: unknown): value is Promise<RewardParts> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";

function fail(error: Error): never {
  throw error;
}

/** All parts, unless some are not there in time. */
async function settleInTime(
  name: string,
  asked: readonly (RewardParts | Promise<RewardParts>)[],
  timeLimitMs: number,
): Promise<RewardParts[]> {
  let pending = asked.length;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const many = `${pending} of ${asked.length} attempts`;
      reject(
        new RewardError(
          `reward ${name}: ${many} are not scored after ${timeLimitMs / 1000} s; its promises must settle: mend it, or ` +
            "raise its timeLimit",
        ),
      );
    }, timeLimitMs);
  });
  const all = Promise.all(
    asked.map(async (parts) => {
      const found = await parts;
      pending--;
      return found;
    }),
  );
  try {
    return await Promise.race([all, late]);
  } finally {
    clearTimeout(timer);
  }
}

function checkParts(name: string, parts: unknown, one: PromptedAttempt, expected: readonly string[] | null): void {
  const refuse = (text: string): never => {
    throw new RewardError(`reward ${name}: ${text}; ${whereOf(one)}`);
  };
  if (typeof parts !== "object" || parts === null || Array.isArray(parts))
    throw refuse(`expected named parts, such as { brevity: 0.5 }, got ${shown(parts)}`);
  const names = Object.keys(parts);
  if (names.length === 0) refuse("expected at least one part, got none");
  for (const part of names) {
    if (!PART_NAME.test(part))
      refuse(`part ${JSON.stringify(part)}: expected a name of letters, digits, - and _, beginning with a letter`);
    const value = (parts as Record<string, unknown>)[part];
    if (value !== null && !Number.isFinite(value))
      refuse(`part ${part}: expected a finite number, or null for what cannot be scored, got ${shown(value)}`);
  }
  if (expected !== null && (names.length !== expected.length || names.some((part) => !expected.includes(part))))
    refuse(
      `expected the parts ${expected.join(", ")}, as of other attempts, got ${names.join(", ")}; give null for what cannot be scored`,
    );
}

function explainThrown(name: string, thrown: unknown, one: PromptedAttempt): RewardError {
  const error = thrown instanceof Error ? thrown : null;
  const what = error ? `${error.name}: ${error.message}` : String(thrown);
  // Where in the reward's own file; what called it is of no use to its author.
  const at = /\n\s+at (.*)/.exec(error?.stack ?? "")?.[1];
  return new RewardError(`reward ${name}: it threw ${what}${at ? ` at ${at}` : ""}; ${whereOf(one)}`, {
    cause: thrown,
  });
}

/** The attempt at which something went wrong. */
function whereOf({ attempt, prompt }: PromptedAttempt): string {
  return `at problem ${prompt.problem.id}, attempt ${shown(attempt.text)}`;
}

function shown(value: unknown): string {
  const text =
    typeof value === "number" || value === undefined ? String(value) : (JSON.stringify(value) ?? typeof value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
