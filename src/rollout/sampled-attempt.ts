import type { StopReason } from "../records/attempt.ts";

/** One completion as sampled: ids, and the distribution they were drawn from. */
export interface SampledAttempt {
  tokens: number[];
  /** Log-probability of each token under the full distribution at the recording temperature. */
  logps: Float32Array | Float64Array;
  /** Entropy of that distribution, nats. */
  entropies: Float32Array | Float64Array;
  stop: StopReason;
  /**
   * [mixture layers × tokens × active experts]: the experts of the row that predicted each token, likeliest first; null
   * where they were not kept.
   */
  expertIds: Uint8Array | Uint16Array | null;
}
