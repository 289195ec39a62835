import { importanceRatios } from "../loss/importance.ts";
import type { LossNormalizer, TokenBatch } from "../loss/token-batch.ts";
import { entropyThreshold } from "../loss/top-entropy.ts";
import { type PackedSequence, packedRows } from "../model/packed-batch.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { countTokens, packedGroup } from "./group-rows.ts";
import type { CompleteGrpoOptions } from "./grpo-options.ts";
import { type LiveGroup, liveGroups } from "./live-groups.ts";
import { fillMicroBatches, partsOf } from "./micro-batches.ts";
import { joined } from "./token-arrays.ts";

/** The live groups of a step, laid out for its updates. */
export interface UpdatePlan {
  /** Those far larger than a micro-batch in parts. */
  groups: LiveGroup[];
  /** Their attempts, by number in the rollout. */
  attempts: number[];
  sequences: PackedSequence[];
  /** Micro-batches, as ranges of groups. */
  ranges: [number, number][];
  whole: LossNormalizer;
  rows: number;
  /** Whether the first update goes back through the activations that sampling left. */
  adopts: boolean;
  /** Per trained token, in the order entries are packed. */
  tokens: PlannedTokens;
  /** Attempt a's tokens are starts[a] … starts[a+1]−1. */
  starts: number[];
}

/** What is known of each trained token before the first update. */
interface PlannedTokens {
  /** The sampler's; where another engine sampled, the trainer's as soon as its first pass has found them. */
  oldLogps: Float64Array;
  advantages: Float64Array;
  /** As those of `TokenBatch`; null: all are 1. */
  factors: Float64Array | null;
}

/** Going back over all rows without a forward pass beats both over the live ones from this share of live rows on. */
const adoptAbove = 2 / 3;

/**
 * Lays out what is to be learned from of a rollout; null when nothing is.
 *
 * @param cuts whether groups far larger than a micro-batch may be cut: not with dropout, whose masks go by the row
 */
export function planUpdates(
  scored: readonly ScoredGroup[],
  rollout: Rollout,
  klCoefficient: number | undefined,
  options: CompleteGrpoOptions,
  { cuts }: { cuts: boolean },
): UpdatePlan | null {
  const whole = liveGroups(scored, options);
  if (whole.length === 0) return null;
  const adopts =
    rollout.keptAll && rowsOf(whole.map(({ group }) => packedGroup(group))) >= adoptAbove * rollout.rowCount;
  // A rollout that is adopted is gone back through whole.
  const live = adopts || !cuts ? whole : whole.flatMap((one) => cut(one, options.microBatchTokens));
  const groups = live.map(({ group }) => group);
  const sequences = groups.map(packedGroup);
  const starts = [0];
  for (const { attempts } of groups)
    for (const { tokens } of attempts) starts.push(starts[starts.length - 1] + tokens.length);
  return {
    groups,
    attempts: live.flatMap(({ place, group }) => group.places.map((i) => place * options.group + i)),
    sequences,
    ranges: fillMicroBatches(sequences, options.microBatchTokens),
    whole: {
      attempts: groups.reduce((sum, { attempts }) => sum + attempts.length, 0),
      tokens: groups.reduce((sum, one) => sum + countTokens(one), 0),
      maxLength: options.sampling.maxNewTokens,
      ...(klCoefficient !== undefined && { klCoefficient }),
    },
    rows: rowsOf(sequences),
    adopts,
    tokens: planTokens(live, rollout, options),
    starts,
  };
}

const rowsOf = (sequences: readonly PackedSequence[]): number =>
  sequences.reduce((sum, sequence) => sum + packedRows(sequence), 0);

/** A group in parts, where it is far larger than a micro-batch. */
const cut = ({ group, place }: { group: LiveGroup; place: number }, microBatchTokens: number) =>
  partsOf(packedGroup(group), microBatchTokens).map(([begin, end]) => ({
    place,
    group: {
      prompt: group.prompt,
      attempts: group.attempts.slice(begin, end),
      advantages: group.advantages.slice(begin, end),
      places: group.places.slice(begin, end),
    },
  }));

function planTokens(
  live: readonly { group: LiveGroup; place: number }[],
  rollout: Rollout,
  { topEntropyQuantile, importance }: CompleteGrpoOptions,
): PlannedTokens {
  const attempts = live.flatMap(({ group, place }) =>
    group.places.map((sampled, i) => ({
      logps: group.attempts[i].logps,
      advantage: group.advantages[i],
      entropies: rollout.attempts[place][sampled].entropies,
    })),
  );
  const oldLogps = joined(attempts.map(({ logps }) => logps));
  const advantages = joined(attempts.map(({ logps, advantage }) => new Float64Array(logps.length).fill(advantage)));
  const factors = topEntropyQuantile < 1 || importance ? new Float64Array(oldLogps.length).fill(1) : null;
  if (factors && topEntropyQuantile < 1) {
    // Entropies as they were sampled, so that every update on the rollout is of the same tokens.
    const entropies = joined(attempts.map((attempt) => attempt.entropies));
    const threshold = entropyThreshold(entropies, topEntropyQuantile);
    for (let i = 0; i < factors.length; i++) if (entropies[i] < threshold) factors[i] = 0;
  }
  return { oldLogps, advantages, factors };
}

/** What is known of a micro-batch before its pass: views of the plan's tokens. */
export interface PlannedBatch extends Pick<TokenBatch, "starts"> {
  /** Its first token among those of the plan. */
  first: number;
  oldLogps: Float64Array;
  advantages: Float64Array;
  factors?: Float64Array;
}

/** What the loss is told of the groups [begin, end), besides what a pass over them finds. */
export function plannedBatch(
  { groups, starts, tokens }: UpdatePlan,
  [begin, end]: readonly [number, number],
): PlannedBatch {
  const before = groups.slice(0, begin).reduce((sum, { attempts }) => sum + attempts.length, 0);
  const after = groups.slice(begin, end).reduce((sum, { attempts }) => sum + attempts.length, before);
  const [first, last] = [starts[before], starts[after]];
  return {
    first,
    oldLogps: tokens.oldLogps.subarray(first, last),
    advantages: tokens.advantages.subarray(first, last),
    starts: starts.slice(before, after + 1).map((start) => start - first),
    ...(tokens.factors && { factors: tokens.factors.subarray(first, last) }),
  };
}

/**
 * Takes the log-probabilities of the trainer's first pass for the old ones, and their ratios to the sampler's into the
 * factors of the batch, both in place; returns the ratios.
 */
export function correctForSampler(
  { oldLogps, factors, starts }: Omit<PlannedBatch, "first">,
  logps: ArrayLike<number>,
  importance: NonNullable<CompleteGrpoOptions["importance"]>,
): Float64Array {
  const ratios = importanceRatios(logps, oldLogps, starts, importance);
  if (factors) for (let i = 0; i < ratios.length; i++) factors[i] *= ratios[i];
  oldLogps.set(logps);
  return ratios;
}
