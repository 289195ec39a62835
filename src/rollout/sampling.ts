/** How tokens are drawn. */
export interface SamplingOptions {
  /** Divides logits; 0 is greedy. */
  temperature: number;
  /** Keep only the k most likely tokens; 0: no truncation. */
  topK: number;
  /** Keep the smallest set of tokens with this much mass; 1: no truncation. */
  topP: number;
  /** Longest completion, in tokens. */
  maxNewTokens: number;
  /** Go on after the end token, so that every completion has maxNewTokens tokens (for benchmarks). */
  ignoreEos?: boolean;
}

/** Greedy decoding: the most likely token, always. */
export const greedy = (maxNewTokens: number): SamplingOptions => ({ temperature: 0, topK: 0, topP: 1, maxNewTokens });

/**
 * Temperature at which log-probabilities are recorded: that of sampling, or 1 when decoding is greedy (a greedy
 * choice has no distribution of its own).
 */
export const recordingTemperature = ({ temperature }: SamplingOptions) => (temperature === 0 ? 1 : temperature);
