import { attemptRatios } from "./attempt-ratio.ts";
import { ClipCounts, type ClipOptions, clippedTerm } from "./clipped-ratio.ts";
import { emptyTerms, policyLoss, type RegularizerOptions } from "./policy-loss.ts";
import type { LossNormalizer, LossResult, TokenBatch } from "./token-batch.ts";

/** What RLOO is told. */
export type RlooOptions = ClipOptions & RegularizerOptions;

/**
 * REINFORCE leave-one-out: a completion is one action, whose log-probability is the sum over its L tokens; the mean over
 * attempts of
 * −min(ρ · A, clip(ρ, 1 − clipLow, 1 + clipHigh) · A), ρ = exp(Σ (logp − oldLogp)), A being the attempt's.
 * On the first update ρ is 1 and this is REINFORCE, −A · Σ logp; clipping, as in TRL, is for the updates after it. Its
 * advantages are those of `leaveOneOutAdvantages`. KL and entropy are sums over tokens, too. A batch's factors count by
 * their mean over the attempt.
 *
 * Sums: `ClipCounts`, tokens of clipped attempts (TRL: attempts), and `kl` with a reference.
 *
 * @see arXiv:2402.14740 §2.2-3.1; TRL's RLOOTrainer
 */
export function rlooLoss(batch: TokenBatch, options: RlooOptions, whole: LossNormalizer): LossResult {
  const terms = emptyTerms(batch);
  const counts = new ClipCounts();
  for (const { begin, end, length, logRatio, factor } of attemptRatios(batch)) {
    const term = clippedTerm(Math.exp(logRatio), batch.advantages[begin], options);
    terms.values.fill((factor * term.value) / length, begin, end);
    terms.derivatives.fill(factor * term.derivative, begin, end);
    counts.add(term, length);
  }
  terms.sums = counts.sums(options);
  return policyLoss(batch, terms, { ...options, aggregation: "sum" }, whole);
}
