import { ShapeError } from "../base/errors.ts";
import { joinExpertUse } from "../model/expert-use.ts";
import type { Policy } from "../model/policy.ts";
import { createTextStream } from "../prompt/tokenizer-text-stream.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { weighReward } from "../reward/reward.ts";
import { type Grading, gradeAttempts, toAttempt } from "../rollout/attempts.ts";
import { type Rollout, sampleAttempts } from "../rollout/rollout.ts";
import type { EpochOrder } from "./epoch-order.ts";
import type { CompleteGrpoOptions } from "./grpo-options.ts";
import { roomToKeepAll } from "./memory.ts";
import { stopwatch } from "./stopwatch.ts";

/** The orders in which a run's prompts come: those of the steps, and those drawn where groups had no spread. */
export interface StepPrompts {
  order: EpochOrder<Prompt>;
  further: EpochOrder<Prompt>;
}

/** The scored attempts of a step. */
export interface Gathered {
  groups: ScoredGroup[];
  /** Of all rounds; it can be adopted only when there was one. */
  rollout: Rollout;
  /** Rounds of further prompts. */
  rounds: number;
  rolloutSeconds: number;
  scoreSeconds: number;
}

/** What gathering groups depends on of a loop's options. */
export type GatherOptions = Pick<
  CompleteGrpoOptions,
  | "promptsPerStep"
  | "group"
  | "resample"
  | "sampling"
  | "rewardWeights"
  | "advantages"
  | "seed"
  | "gradientCheckpointing"
> & {
  /** Whether the rollout's activations may be kept, for the loop to go back through them; default true. */
  adoptable?: boolean;
};

/** Streams of further prompts begin here, above those of any run's steps. */
const furtherStreams = 2 ** 30;

/**
 * Samples and scores the groups of a step. With `resample`, groups without spread are made up for by further prompts,
 * as many as are missing, at most that many times; groups without spread stay in the list, and teach nothing. Each round's own
 * rewards say which of its groups have spread; the advantages are then those of all groups together.
 *
 * @throws ConfigError when a reward weight names no part; ShapeError when `advantages` returns another shape
 */
export async function gatherGroups(
  policy: Policy,
  step: number,
  { order, further }: StepPrompts,
  grading: Grading,
  options: GatherOptions,
): Promise<Gathered> {
  const { promptsPerStep, resample, adoptable: mayAdopt = true } = options;
  const clock = stopwatch();
  let scoreSeconds = 0;
  const sample = async (chosen: readonly Prompt[], firstStream: number) => {
    const adoptable = mayAdopt && resample === 0 && roomToKeepAll(policy, chosen, options);
    const rollout = await sampleAttempts(
      policy,
      chosen.map(({ tokens }) => tokens),
      {
        ...options.sampling,
        group: options.group,
        eosId: grading.eosId,
        textStream: () => createTextStream(grading),
        seed: options.seed,
        streams: chosen.map((_, i) => firstStream + i),
        keeping: adoptable ? "all" : "keys",
      },
    );
    if (!adoptable) policy.stepScope.end();
    const sampled = clock();
    const groups = await scoreGroups(chosen, rollout, grading, options);
    scoreSeconds += clock() - sampled;
    return { rollout, groups };
  };

  const first = await sample(order.at(step, promptsPerStep), step * promptsPerStep);
  const parts = [first];
  const missing = () => promptsPerStep - parts.reduce((sum, { groups }) => sum + groups.filter(hasAdvantage).length, 0);
  for (let round = 0; round < resample && missing() > 0; round++) {
    const place = step * resample + round;
    const chosen = further.at(place, promptsPerStep).slice(0, missing());
    parts.push(await sample(chosen, furtherStreams + place * promptsPerStep));
  }
  const groups = parts.flatMap(({ groups }) => groups);
  return {
    // What is set against all rewards of a step is set against those of all rounds.
    groups: parts.length === 1 ? groups : withAdvantages(groups, options),
    rollout: parts.length === 1 ? first.rollout : joinRollouts(parts.map(({ rollout }) => rollout)),
    rounds: parts.length - 1,
    rolloutSeconds: clock() - scoreSeconds,
    scoreSeconds,
  };
}

/** Whether a group teaches anything. */
const hasAdvantage = ({ advantages }: ScoredGroup) => advantages.some((advantage) => advantage !== 0);

/** Grades every attempt, weighs its parts into a reward, and sets each reward against its group. */
async function scoreGroups(
  prompts: readonly Prompt[],
  rollout: Rollout,
  grading: Grading,
  options: GatherOptions,
): Promise<ScoredGroup[]> {
  const scored = prompts.flatMap((prompt, p) =>
    rollout.attempts[p].map((sampled) => ({ prompt, attempt: toAttempt(sampled, grading) })),
  );
  const allParts = await gradeAttempts(grading, scored);
  let first = 0;
  const graded = prompts.map((prompt, p) => {
    const last = first + rollout.attempts[p].length;
    const attempts = scored.slice(first, last).map(({ attempt }) => attempt);
    const parts = allParts.slice(first, last);
    first = last;
    return { prompt, attempts, parts, rewards: parts.map((named) => weighReward(named, options.rewardWeights)) };
  });
  return withAdvantages(graded, options);
}

/** Sets every reward against those of all the groups. */
function withAdvantages(
  groups: readonly Omit<ScoredGroup, "advantages">[],
  options: Pick<CompleteGrpoOptions, "advantages">,
): ScoredGroup[] {
  const advantages = options.advantages(groups.map(({ rewards }) => rewards));
  for (const [p, { rewards }] of groups.entries())
    if (advantages[p]?.length !== rewards.length)
      throw new ShapeError(
        `advantages: expected one number for each reward, ${rewards.length} for prompt ${p}, got ${advantages[p]?.length ?? "none"}`,
      );
  return groups.map((group, p) => ({ ...group, advantages: advantages[p] }));
}

/** Rollouts one after the other, as one whose activations are gone. */
function joinRollouts(rollouts: readonly Rollout[]): Rollout {
  const [first] = rollouts;
  return {
    ...first,
    attempts: rollouts.flatMap(({ attempts }) => attempts),
    rowCount: rollouts.reduce((sum, { rowCount }) => sum + rowCount, 0),
    tokenCount: rollouts.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
    experts: joinExpertUse(rollouts.map(({ experts }) => experts)),
    keptAll: false,
  };
}
