/**
 * What a loss sees: one entry per completion token, attempts one after the other. Prompt tokens are not in it.
 * Arrays have one number per token.
 */
export interface TokenBatch {
  /** Log-probability under the policy being trained. */
  logps: ArrayLike<number>;
  /** Entropy of the policy's distribution, nats. */
  entropies: ArrayLike<number>;
  /** Log-probability when the token was sampled. */
  oldLogps: ArrayLike<number>;
  /** Log-probability under the frozen reference; null when no loss term needs it. */
  refLogps: ArrayLike<number> | null;
  /** What each token is weighed by. */
  advantages: ArrayLike<number>;
  /** Attempt a's tokens are starts[a] … starts[a+1]−1. */
  starts: ArrayLike<number>;
}

/** A loss with its derivatives. */
export interface LossResult {
  value: number;
  /** ∂value/∂logps. */
  dLogps: Float64Array;
  /** ∂value/∂entropies. */
  dEntropies: Float64Array;
  /** Metrics by name, each the sum over this batch's tokens; logged as means over the tokens of the whole step. */
  sums: Record<string, number>;
}

/** Sizes of the whole optimizer step, known before its first micro-batch runs: the normalizer of the loss. */
export interface LossNormalizer {
  attempts: number;
  tokens: number;
}

/**
 * A reinforcement algorithm's loss: pure, the sum over a step's micro-batches being the loss of the step. The engine
 * back-propagates the derivatives it returns; see `grpoLoss` for one.
 */
export type Loss = (batch: TokenBatch, whole: LossNormalizer) => LossResult;
