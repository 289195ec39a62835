import { CheckpointError } from "../base/errors.ts";
import { adaptKlCoefficient } from "../loss/kl-control.ts";
import { attemptKl, type KlEstimator } from "../loss/kl-estimators.ts";
import type { Policy } from "../model/policy.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import { referenceOfGroups } from "./group-rows.ts";
import type { CompleteGrpoOptions } from "./grpo-options.ts";
import type { GrpoMemory, GrpoRun } from "./grpo-run.ts";

/** How far attempts are from the reference. */
export interface GroupKl {
  /** KL of each attempt, the sum over its tokens, as they were sampled. */
  kl_PG: number[][];
  tokens: number;
  /** FLOPs of the reference. */
  flops: number;
}

/** What is taken off rewards before they are set against each other: coefficient · KL. */
export interface KlPenalty {
  coefficient: number;
  measure(groups: readonly Pick<ScoredGroup, "prompt" | "attempts">[]): Promise<GroupKl>;
}

/**
 * KL(sampler ‖ reference) of every attempt, estimated by its tokens.
 *
 * @param options microBatchTokens: rows of one pass, at most; the sampling temperature is also the reference's
 */
export async function groupKl(
  reference: Policy,
  groups: readonly Pick<ScoredGroup, "prompt" | "attempts">[],
  { estimator, ...options }: { estimator: KlEstimator; microBatchTokens: number; sampling: { temperature: number } },
): Promise<GroupKl> {
  const { refLogps_PG, tokens, flops } = await referenceOfGroups(reference, groups, options);
  const kl_PG = groups.map(({ attempts }, p) =>
    attempts.map(({ logps }, g) => attemptKl(estimator, logps, refLogps_PG[p][g])),
  );
  return { kl_PG, tokens, flops };
}

/** What a step takes off its rewards; null where KL is in the loss, or there is no reference. */
export function klPenalty(
  { reference }: Pick<GrpoRun, "reference">,
  { kl, microBatchTokens, sampling }: CompleteGrpoOptions,
  coefficient: number | undefined,
): KlPenalty | null {
  if (kl?.in !== "reward" || reference === null || coefficient === undefined) return null;
  const options = { estimator: kl.estimator ?? "k1", microBatchTokens, sampling };
  return { coefficient, measure: (groups) => groupKl(reference, groups, options) };
}

/**
 * The weight of KL a run begins with, or goes on with; undefined where it is left to the loss.
 *
 * @throws CheckpointError when what is remembered is not a weight
 */
export function openKlCoefficient({ kl }: CompleteGrpoOptions, memory?: GrpoMemory): number | undefined {
  const remembered = kl?.target === undefined ? undefined : memory?.klCoefficient;
  if (remembered !== undefined && !(Number.isFinite(remembered) && remembered >= 0))
    throw new CheckpointError(
      `KL: expected the weight a checkpoint was written with, a number from 0, got ${remembered}; ` +
        "delete the checkpoint directory to go back to the one before",
    );
  return remembered ?? kl?.coefficient;
}

/**
 * The weight of KL in the next step; undefined where it does not change.
 *
 * @param kl of this step, a token mean; undefined on a step that measured none: the weight stays
 */
export function nextKlCoefficient(
  coefficient: number | undefined,
  kl: number | undefined,
  options: Pick<CompleteGrpoOptions, "kl">,
): number | undefined {
  const target = options.kl?.target;
  if (coefficient === undefined || target === undefined) return undefined;
  return kl === undefined ? coefficient : adaptKlCoefficient(coefficient, kl, target);
}
