import { gae } from "../advantage/gae.ts";
import { centredRewards, sequenceAdvantages } from "../advantage/sequence.ts";
import { tokenRewards } from "../advantage/token-rewards.ts";
import { whiten } from "../advantage/whiten.ts";
import { packedRows } from "../model/packed-batch.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import { forwardFlops } from "./flops.ts";
import { packedGroup, referenceOfGroups } from "./group-rows.ts";
import type { CompletePpoOptions } from "./ppo-options.ts";
import type { PpoRun } from "./ppo-run.ts";
import { type ValuedTokens, valueAttempts } from "./ppo-values.ts";

/** What an attempt teaches; one number per token. */
export interface WeighedAttempt {
  oldLogps: ArrayLike<number>;
  /** Under the frozen reference; null without one. */
  refLogps: ArrayLike<number> | null;
  /** What the critic said before any update. */
  oldValues: ArrayLike<number>;
  /** What it should have said. */
  returns: Float64Array;
  advantages: Float64Array;
}

/** A rollout, weighed. */
export interface Experience {
  /** One row per group, one entry per attempt. */
  attempts_PG: WeighedAttempt[][];
  /** Every value that is trained, with its return and its advantage before whitening: per token, or per attempt. */
  judged: { values: number[]; returns: number[]; advantages: number[] };
}

/** What was seen of an attempt. */
interface SeenAttempt extends ValuedTokens {
  logps: ArrayLike<number>;
  refLogps: ArrayLike<number> | null;
  /** Of each token. */
  rewards: Float64Array;
}

/**
 * Has critic and reference look at a rollout, and weighs it by what they say.
 *
 * @returns with the FLOPs of their passes
 */
export async function gatherExperience(
  { policy, reference, critic }: Pick<PpoRun, "policy" | "reference" | "critic">,
  groups: readonly ScoredGroup[],
  options: CompletePpoOptions,
): Promise<Experience & { flops: number }> {
  const rows = groups.reduce((sum, group) => sum + packedRows(packedGroup(group)), 0);
  const valued_PG = await valueAttempts(policy, critic.head, groups, options);
  const looked = reference ? await referenceOfGroups(reference, groups, options) : null;
  const seen = { valued_PG, refLogps_PG: looked?.refLogps_PG ?? null };
  const flops = forwardFlops(policy.config, { rows, entries: 0 }) + (looked?.flops ?? 0);
  return { ...weighExperience(groups, seen, options), flops };
}

/**
 * Sets what a rollout earned against what the critic expected of it.
 *
 * @param groups scored; their own advantages are not looked at
 * @param seen by group and attempt: the critic's values, and log-probabilities under the reference, if there is one
 */
export function weighExperience(
  groups: readonly ScoredGroup[],
  seen: {
    valued_PG: readonly (readonly ValuedTokens[])[];
    refLogps_PG: readonly (readonly ArrayLike<number>[])[] | null;
  },
  options: Pick<CompletePpoOptions, "critic" | "gae" | "klIn" | "beta" | "normalizeAdvantages">,
): Experience {
  const beta = options.klIn === "reward" ? options.beta : 0;
  const seen_PG = groups.map(({ attempts, rewards }, p) =>
    attempts.map(({ logps }, g): SeenAttempt => {
      const refLogps = seen.refLogps_PG?.[p][g] ?? null;
      const earned = tokenRewards({ reward: rewards[g], logps, refLogps }, { beta });
      return { ...seen.valued_PG[p][g], logps, refLogps, rewards: earned };
    }),
  );
  return options.critic === "token" ? weighTokens(seen_PG, options) : weighAttempts(seen_PG, options);
}

type Weighing = Pick<CompletePpoOptions, "gae" | "normalizeAdvantages">;

/** An advantage for every token, by GAE. */
function weighTokens(seen_PG: readonly (readonly SeenAttempt[])[], options: Weighing): Experience {
  const found_PG = seen_PG.map((group) => group.map((attempt) => gae(attempt, options.gae)));
  const found = found_PG.flat();
  const raw = found.flatMap(({ advantages }) => [...advantages]);
  const used = options.normalizeAdvantages ? whiten(raw) : Float64Array.from(raw);
  let begin = 0;
  return {
    attempts_PG: seen_PG.map((group, p) =>
      group.map(({ logps, refLogps, values }, g) => {
        const { returns } = found_PG[p][g];
        const advantages = used.subarray(begin, begin + returns.length);
        begin += returns.length;
        return { oldLogps: logps, refLogps, oldValues: values, returns, advantages };
      }),
    ),
    judged: {
      values: seen_PG.flat().flatMap(({ values }) => Array.from(values)),
      returns: found.flatMap(({ returns }) => [...returns]),
      advantages: raw,
    },
  };
}

/** One advantage for all tokens of an attempt. */
function weighAttempts(seen_PG: readonly (readonly SeenAttempt[])[], options: Weighing): Experience {
  const centred_PG = centredRewards(seen_PG.map((group) => group.map(({ rewards }) => sum(rewards))));
  const values_PG = seen_PG.map((group) => group.map(({ values }) => values[0]));
  const raw = sequenceAdvantages(centred_PG, values_PG).flat();
  const used = options.normalizeAdvantages ? whiten(raw) : raw;
  let place = 0;
  return {
    attempts_PG: seen_PG.map((group, p) =>
      group.map(({ logps, refLogps, values }, g) => ({
        oldLogps: logps,
        refLogps,
        oldValues: values,
        returns: new Float64Array(logps.length).fill(centred_PG[p][g]),
        advantages: new Float64Array(logps.length).fill(used[place++]),
      })),
    ),
    judged: { values: values_PG.flat(), returns: centred_PG.flat(), advantages: raw },
  };
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
