import { ShapeError } from "../base/errors.ts";
import { joinExpertUse } from "../model/expert-use.ts";
import type { Policy } from "../model/policy.ts";
import { createTextStream } from "../prompt/tokenizer-text-stream.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { weighReward } from "../reward/reward.ts";
import { type Grading, gradeAttempts, toAttempt } from "../rollout/attempts.ts";
import type { DraftStore } from "../rollout/draft-store.ts";
import { type Rollout, sampleAttempts } from "../rollout/rollout.ts";
import type { StepPrompts } from "./curriculum.ts";
import type { CompleteGrpoOptions } from "./grpo-options.ts";
import type { GroupKl, KlPenalty } from "./kl-penalty.ts";
import { trainedAttempts } from "./live-groups.ts";
import { roomToKeepAll } from "./memory.ts";
import { stopwatch } from "./stopwatch.ts";

/** The scored attempts of a step. */
export interface Gathered {
  groups: ScoredGroup[];
  /** Of all rounds; it can be adopted only when there was one. */
  rollout: Rollout;
  /** Rounds of further prompts. */
  rounds: number;
  /** How far the attempts are from the reference, where that is taken off their rewards; a token mean. Null: it is not. */
  kl: number | null;
  /** FLOPs of finding that out. */
  klFlops: number;
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
  /** What attempts are drafted from, and added to; default null: they are not. */
  draftStore?: DraftStore | null;
  /** Whether cut attempts are left out of the update, so that a group of them teaches nothing; default false. */
  maskTruncated?: boolean;
};

/** Streams of further prompts begin here, above those of any run's steps. */
const furtherStreams = 2 ** 30;

/**
 * Samples and scores the groups of a step. With `resample`, groups without spread are made up for by further prompts,
 * as many as are missing, at most that many times; groups without spread stay in the list, and teach nothing. Each round's own
 * rewards say which of its groups have spread; the advantages are then those of all groups together.
 *
 * @param penalty taken off the rewards that advantages are made of; `rewards` of a group stay what the task gave
 * @throws ConfigError when a reward weight names no part; ShapeError when `advantages` returns another shape
 */
export async function gatherGroups(
  policy: Policy,
  step: number,
  { order, further }: StepPrompts,
  grading: Grading,
  options: GatherOptions,
  penalty: KlPenalty | null = null,
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
        drafts: options.draftStore,
      },
    );
    if (!adoptable) policy.stepScope.end();
    const sampled = clock();
    const graded = await gradeGroups(chosen, rollout, grading, options);
    const kl = (await penalty?.measure(graded)) ?? null;
    scoreSeconds += clock() - sampled;
    const shaped = graded.map(({ rewards }, p) =>
      kl && penalty ? rewards.map((reward, i) => reward - penalty.coefficient * kl.kl_PG[p][i]) : rewards,
    );
    return { rollout, graded, shaped, kl, groups: withAdvantages(graded, shaped, options) };
  };

  const first = await sample(order.at(step, promptsPerStep), step * promptsPerStep);
  const parts = [first];
  const teaches = (group: ScoredGroup) => trainedAttempts(group, options).length > 0;
  const missing = () => promptsPerStep - parts.reduce((sum, { groups }) => sum + groups.filter(teaches).length, 0);
  for (let round = 0; round < resample && missing() > 0; round++) {
    const place = step * resample + round;
    const chosen = further.at(place, promptsPerStep, missing()).slice(0, missing());
    parts.push(await sample(chosen, furtherStreams + place * promptsPerStep));
  }
  const measured = parts.flatMap(({ kl }) => kl ?? []);
  return {
    // What is set against all rewards of a step is set against those of all rounds.
    groups:
      parts.length === 1
        ? first.groups
        : withAdvantages(
            parts.flatMap(({ graded }) => graded),
            parts.flatMap(({ shaped }) => shaped),
            options,
          ),
    rollout: parts.length === 1 ? first.rollout : joinRollouts(parts.map(({ rollout }) => rollout)),
    rounds: parts.length - 1,
    kl: measured.length > 0 ? tokenMeanKl(measured) : null,
    klFlops: measured.reduce((sum, { flops }) => sum + flops, 0),
    rolloutSeconds: clock() - scoreSeconds,
    scoreSeconds,
  };
}

function tokenMeanKl(measured: readonly GroupKl[]): number {
  const tokens = measured.reduce((sum, one) => sum + one.tokens, 0);
  return measured.flatMap(({ kl_PG }) => kl_PG.flat()).reduce((sum, kl) => sum + kl, 0) / tokens;
}

/** A group before its rewards are set against each other. */
type GradedGroup = Omit<ScoredGroup, "advantages">;

/** Grades every attempt, and weighs its parts into a reward. */
async function gradeGroups(
  prompts: readonly Prompt[],
  rollout: Rollout,
  grading: Grading,
  options: GatherOptions,
): Promise<GradedGroup[]> {
  const scored = prompts.flatMap((prompt, p) =>
    rollout.attempts[p].map((sampled) => ({ prompt, attempt: toAttempt(sampled, grading) })),
  );
  const allParts = await gradeAttempts(grading, scored);
  let first = 0;
  return prompts.map((prompt, p) => {
    const last = first + rollout.attempts[p].length;
    const attempts = scored.slice(first, last).map(({ attempt }) => attempt);
    const parts = allParts.slice(first, last);
    first = last;
    return { prompt, attempts, parts, rewards: parts.map((named) => weighReward(named, options.rewardWeights)) };
  });
}

/** Sets every reward, less its penalty, against those of all the groups. */
function withAdvantages(
  groups: readonly GradedGroup[],
  shaped_PG: readonly (readonly number[])[],
  options: Pick<CompleteGrpoOptions, "advantages">,
): ScoredGroup[] {
  const advantages = options.advantages(shaped_PG);
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
  const summed = ["rowCount", "headRows", "tokenCount", "passes", "drafted", "accepted"] as const;
  const sums = summed.map((name) => [name, rollouts.reduce((sum, rollout) => sum + rollout[name], 0)]);
  return {
    ...first,
    ...(Object.fromEntries(sums) as Pick<Rollout, (typeof summed)[number]>),
    attempts: rollouts.flatMap(({ attempts }) => attempts),
    experts: joinExpertUse(rollouts.map(({ experts }) => experts)),
    keptAll: false,
  };
}
