import type { Aggregation } from "./aggregation.ts";
import { emptyTerms, factorAt, policyLoss, type RegularizerOptions } from "./policy-loss.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";

/** What REINFORCE is told. */
export interface ReinforceOptions extends RegularizerOptions {
  aggregation: Aggregation;
}

/**
 * REINFORCE: −A · logp of every token. It has no ratio, so it holds only for one update on what was sampled. Its advantages
 * are those of `batchAdvantages`: the baseline is the mean reward of the batch.
 *
 * Sums: `kl` with a reference.
 *
 * @see Williams 1992, Machine Learning 8:229, eq. 11; arXiv:2501.03262 (REINFORCE++) for the batch's baseline
 */
export function reinforceLoss(batch: TokenBatch, options: ReinforceOptions, whole: LossNormalizer): LossResult {
  const { logps, advantages } = batch;
  const terms = emptyTerms(batch);
  for (let i = 0; i < logps.length; i++) {
    const weighed = factorAt(batch, i) * advantages[i];
    terms.values[i] = -weighed * logps[i];
    terms.derivatives[i] = -weighed;
  }
  return policyLoss(batch, terms, options, whole);
}
