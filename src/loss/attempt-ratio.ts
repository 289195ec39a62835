import { factorAt } from "./policy-loss.ts";
import type { TokenBatch } from "./token-batch.ts";

/** One attempt as an algorithm sees it that weighs an attempt as a whole. */
export interface AttemptRatio {
  /** Its tokens are begin … end−1, at least one. */
  begin: number;
  end: number;
  length: number;
  /** Σ (logp − oldLogp) over its tokens. */
  logRatio: number;
  /** Mean over its tokens of what the batch says they are multiplied by. */
  factor: number;
}

/** The attempts of a batch that have tokens, in order. */
export function* attemptRatios(batch: TokenBatch): Generator<AttemptRatio> {
  const { logps, oldLogps, starts } = batch;
  for (let attempt = 0; attempt + 1 < starts.length; attempt++) {
    const begin = starts[attempt];
    const end = starts[attempt + 1];
    const length = end - begin;
    if (length === 0) continue;
    let logRatio = 0;
    let factors = 0;
    for (let i = begin; i < end; i++) {
      logRatio += logps[i] - oldLogps[i];
      factors += factorAt(batch, i);
    }
    yield { begin, end, length, logRatio, factor: factors / length };
  }
}
