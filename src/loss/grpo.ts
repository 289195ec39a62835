import type { Aggregation } from "./aggregation.ts";
import { ClipCounts, type ClipOptions, clippedTerm } from "./clipped-ratio.ts";
import { emptyTerms, factorAt, policyLoss, type RegularizerOptions } from "./policy-loss.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";

/** What tells one variant of GRPO from another. */
export interface GrpoOptions extends ClipOptions, RegularizerOptions {
  aggregation: Aggregation;
}

/**
 * Group-relative policy optimization: the clipped ratio of every token, ratio = exp(logp − oldLogp), and `policyLoss`
 * around it:
 * −min(ratio · A, clip(ratio, 1 − clipLow, 1 + clipHigh) · A) + beta · KL − entropyBonus · H.
 *
 * Sums: `ClipCounts`, and `kl` with a reference.
 *
 * @param whole attempts and tokens of the whole optimizer step; micro-batches' values and gradients add up to it
 * @see arXiv:2402.03300 eq. 3-4 (GRPO); arXiv:2503.14476 eq. 8, 12 (clip-higher, token mean)
 */
export function grpoLoss(batch: TokenBatch, options: GrpoOptions, whole: LossNormalizer): LossResult {
  const { logps, oldLogps, advantages } = batch;
  const terms = emptyTerms(batch);
  const counts = new ClipCounts();
  for (let i = 0; i < logps.length; i++) {
    const term = clippedTerm(Math.exp(logps[i] - oldLogps[i]), advantages[i], options);
    const factor = factorAt(batch, i);
    terms.values[i] = factor * term.value;
    terms.derivatives[i] = factor * term.derivative;
    counts.add(term, 1);
  }
  terms.sums = counts.sums(options);
  return policyLoss(batch, terms, options, whole);
}
