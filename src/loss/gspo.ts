import { attemptRatios } from "./attempt-ratio.ts";
import { ClipCounts, clippedTerm } from "./clipped-ratio.ts";
import type { GrpoOptions } from "./grpo.ts";
import { emptyTerms, factorAt, policyLoss } from "./policy-loss.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";

/**
 * Group sequence policy optimization: one ratio for all L tokens of an attempt, the geometric mean of theirs, so that an
 * attempt is clipped as a whole:
 * s = exp(1/L · Σ (logp − oldLogp)), −min(s · A, clip(s, 1 − clipLow, 1 + clipHigh) · A), A being the attempt's.
 * With the aggregation `grpo` it is the paper's; the others weigh an attempt by its length.
 *
 * Ratios stay much closer to 1 than those of tokens: the paper clips at 3e-4 and 4e-4.
 *
 * Sums: `ClipCounts`, tokens of clipped attempts (TRL: attempts), and `kl` with a reference.
 *
 * @see arXiv:2507.18071 eq. 5-7, 10
 */
export function gspoLoss(batch: TokenBatch, options: GrpoOptions, whole: LossNormalizer): LossResult {
  const terms = emptyTerms(batch);
  const counts = new ClipCounts();
  for (const { begin, end, length, logRatio, factor } of attemptRatios(batch)) {
    const term = clippedTerm(Math.exp(logRatio / length), batch.advantages[begin], options);
    for (let i = begin; i < end; i++) terms.values[i] = factorAt(batch, i) * term.value;
    // Every log-probability moves the terms of all tokens, by 1/L each.
    terms.derivatives.fill(factor * term.derivative, begin, end);
    counts.add(term, length);
  }
  terms.sums = counts.sums(options);
  return policyLoss(batch, terms, options, whole);
}
