import { grpoLoss } from "./grpo.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";
import { valueLoss } from "./value.ts";

/** What a loss with a critic sees: beside the policy's numbers the critic's, one per completion token. */
export interface CriticBatch extends TokenBatch {
  /** Value of the state before each token, by the head that is trained. */
  values: ArrayLike<number>;
  /** What the head said when the rollout was weighed. */
  oldValues: ArrayLike<number>;
  /** What each value should have been. */
  returns: ArrayLike<number>;
}

/** A loss with its derivatives, the critic's among them. */
export interface CriticLossResult extends LossResult {
  /** ∂value/∂values. */
  dValues: Float64Array;
}

/** The loss of an algorithm with a critic; see `ppoLoss` for one. */
export type CriticLoss = (batch: CriticBatch, whole: LossNormalizer) => CriticLossResult;

/** What tells one variant of PPO from another. */
export interface PpoOptions {
  /** Ratios outside 1 ± clip stop counting. */
  clip: number;
  /** How far a value may move on one rollout; null: as far as it goes. */
  valueClip: number | null;
  /** Weight of the critic's loss. */
  valueCoefficient: number;
  /** Weight of KL(policy ‖ reference), k3, in the loss; 0 leaves the reference out. */
  beta: number;
  /** Weight of the entropy bonus. */
  entropyBonus: number;
  /** Whose values are trained: every token's, or only the one an attempt begins with. */
  critic: "token" | "sequence";
}

/**
 * Proximal policy optimization with a critic: the mean over tokens of
 * −min(ratio · A, clip(ratio, 1 − clip, 1 + clip) · A) + beta · k3 − entropyBonus · H, see `grpoLoss`, plus valueCoefficient ·
 * `valueLoss`, whose entries count alike: every token, or (`sequence`) the first of each attempt.
 *
 * Sums: those of `grpoLoss`; `loss/policy` (all but the critic's term), `loss/value` and `val/clipfrac`, which are shares and
 * means over the step; `policy/approxkl`: KL(sampler ‖ policy) as ratio − 1 − ln ratio.
 *
 * @param whole attempts and tokens of the whole optimizer step; micro-batches' values and gradients add up to it
 * @see arXiv:1707.06347 eq. 7 and 9
 */
export function ppoLoss(batch: CriticBatch, options: PpoOptions, whole: LossNormalizer): CriticLossResult {
  const { clip, valueClip, valueCoefficient, beta, entropyBonus } = options;
  const policy = grpoLoss(batch, { clipLow: clip, clipHigh: clip, beta, entropyBonus, aggregation: "dapo" }, whole);
  const critic = valueLoss({ ...batch, weights: criticWeights(batch, options.critic, whole) }, { clip: valueClip });
  return {
    ...policy,
    value: policy.value + valueCoefficient * critic.value,
    dValues: critic.dValues.map((derivative) => valueCoefficient * derivative),
    sums: {
      ...policy.sums,
      "loss/policy": policy.value * whole.tokens,
      "loss/value": critic.value * whole.tokens,
      "val/clipfrac": critic.clipped * whole.tokens,
      "policy/approxkl": movedFrom(batch),
    },
  };
}

function criticWeights(
  { logps, starts }: TokenBatch,
  critic: PpoOptions["critic"],
  { attempts, tokens }: LossNormalizer,
): Float64Array {
  const weights = new Float64Array(logps.length).fill(critic === "token" ? 1 / tokens : 0);
  if (critic === "sequence")
    for (let attempt = 0; attempt + 1 < starts.length; attempt++) weights[starts[attempt]] = 1 / attempts;
  return weights;
}

/** Σ ratio − 1 − ln ratio. */
function movedFrom({ logps, oldLogps }: TokenBatch): number {
  let sum = 0;
  for (let i = 0; i < logps.length; i++) {
    const gap = logps[i] - oldLogps[i];
    sum += Math.expm1(gap) - gap;
  }
  return sum;
}
