/**
 * What a loss sees: one entry per completion token, attempts one after the other. Prompt tokens are not in it.
 * Arrays have one number per token.
 */
export interface TokenBatch {
  /** Log-probability under the policy being trained. */
  logps: ArrayLike<number>;
  /** Entropy of the policy's distribution, nats. */
  entropies: ArrayLike<number>;
  /** Log-probability before the first update on these tokens: when they were sampled, or as the trainer found it then. */
  oldLogps: ArrayLike<number>;
  /** Log-probability under the frozen reference; null when no loss term needs it. */
  refLogps: ArrayLike<number> | null;
  /** What each token is weighed by. */
  advantages: ArrayLike<number>;
  /**
   * What the algorithm's own term of each token is multiplied by, held constant: 0 leaves a token out, an importance ratio
   * corrects for another sampler. KL and entropy terms are not. Left out: 1.
   */
  factors?: ArrayLike<number>;
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

/** What holds for the whole optimizer step and is known before its first micro-batch runs: the normalizer of the loss. */
export interface LossNormalizer {
  attempts: number;
  tokens: number;
  /** Tokens that a completion may have at most; `dr_grpo` divides by it. */
  maxLength?: number;
  /** Takes the place of a loss's own `beta`, where the weight of KL changes from step to step. */
  klCoefficient?: number;
}

/**
 * A reinforcement algorithm's loss: pure, the sum over a step's micro-batches being the loss of the step. The engine
 * back-propagates the derivatives it returns; see `grpoLoss` for one.
 */
export type Loss = (batch: TokenBatch, whole: LossNormalizer) => LossResult;
