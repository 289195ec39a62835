import { type Aggregation, tokenWeight } from "./aggregation.ts";
import { type KlEstimator, klEstimators } from "./kl-estimators.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";

/** What holds the policy back or keeps it open, the same for every algorithm. */
export interface RegularizerOptions {
  /** Weight of KL(policy ‖ reference); 0 leaves the reference out. */
  beta: number;
  /** How KL is estimated; default `k3`. */
  klEstimator?: KlEstimator;
  /** Weight of the entropy bonus. */
  entropyBonus: number;
}

/** An algorithm's own terms, one per token, factors of the batch included. */
export interface TokenTerms {
  values: Float64Array;
  /** Of the sum of an attempt's values, with respect to each of its log-probabilities. */
  derivatives: Float64Array;
  /** As `LossResult.sums`. */
  sums: Record<string, number>;
}

/** Room for the terms of a batch. */
export const emptyTerms = ({ logps }: TokenBatch): TokenTerms => ({
  values: new Float64Array(logps.length),
  derivatives: new Float64Array(logps.length),
  sums: {},
});

/** What the batch says a token's own term is multiplied by. */
export const factorAt = ({ factors }: TokenBatch, i: number): number => (factors ? factors[i] : 1);

/**
 * Makes a loss of an algorithm's terms: Σ weight · (term + beta · KL − entropyBonus · H), with the weights of
 * `tokenWeight`. All tokens of an attempt have the same weight, so an attempt's terms may depend on all of its tokens.
 *
 * Sums: those of the terms, and `kl` with a reference.
 *
 * @throws ConfigError as `tokenWeight`
 */
export function policyLoss(
  batch: TokenBatch,
  { values, derivatives, sums }: TokenTerms,
  { aggregation, beta, klEstimator = "k3", entropyBonus }: RegularizerOptions & { aggregation: Aggregation | "sum" },
  whole: LossNormalizer,
): LossResult {
  const { logps, refLogps, entropies, starts } = batch;
  const coefficient = whole.klCoefficient ?? beta;
  const estimate = klEstimators[klEstimator];
  const dLogps = new Float64Array(logps.length);
  const dEntropies = new Float64Array(logps.length);
  let value = 0;
  let kl = 0;
  for (let attempt = 0; attempt + 1 < starts.length; attempt++) {
    const begin = starts[attempt];
    const end = starts[attempt + 1];
    const weight = tokenWeight(aggregation, end - begin, whole);
    for (let i = begin; i < end; i++) {
      let term = values[i];
      let derivative = derivatives[i];
      if (refLogps) {
        const gap = refLogps[i] - logps[i];
        const estimated = estimate.value(gap);
        kl += estimated;
        term += coefficient * estimated;
        derivative += coefficient * estimate.slope(gap);
      }
      term -= entropyBonus * entropies[i];
      value += weight * term;
      dLogps[i] = weight * derivative;
      dEntropies[i] = -weight * entropyBonus;
    }
  }
  return { value, dLogps, dEntropies, sums: refLogps ? { ...sums, kl } : sums };
}
