import type { Aggregation } from "./aggregation.ts";
import { emptyTerms, factorAt, policyLoss, type RegularizerOptions } from "./policy-loss.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";

/** What CISPO is told. */
export interface CispoOptions extends RegularizerOptions {
  /** Ratios count as 1 + clipHigh, at most. TRL's `epsilon_high` is 1 + clipHigh. */
  clipHigh: number;
  aggregation: Aggregation;
}

/**
 * Clipped importance sampling policy optimization: REINFORCE whose importance ratio is cut and held constant, so that no
 * token loses its gradient:
 * −min(ratio, 1 + clipHigh) · A · logp, ratio = exp(logp − oldLogp), the derivative going through logp alone.
 * The paper's bound below is left out, as in its experiments and in TRL.
 *
 * Sums: `cispo_clip_ratio` (cut, with a positive advantage), and `kl` with a reference.
 *
 * @see arXiv:2506.13585 eq. 4-5 (MiniMax-M1)
 */
export function cispoLoss(batch: TokenBatch, options: CispoOptions, whole: LossNormalizer): LossResult {
  const { logps, oldLogps, advantages } = batch;
  const most = 1 + options.clipHigh;
  const terms = emptyTerms(batch);
  let cut = 0;
  for (let i = 0; i < logps.length; i++) {
    const ratio = Math.exp(logps[i] - oldLogps[i]);
    const weighed = factorAt(batch, i) * Math.min(ratio, most) * advantages[i];
    terms.values[i] = -weighed * logps[i];
    terms.derivatives[i] = -weighed;
    if (ratio > most && advantages[i] > 0) cut++;
  }
  terms.sums.cispo_clip_ratio = cut;
  return policyLoss(batch, terms, options, whole);
}
