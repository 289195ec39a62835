/** Where a ratio stops counting. */
export interface ClipOptions {
  /** Ratios below 1 − clipLow stop counting. */
  clipLow: number;
  /** Ratios above 1 + clipHigh stop counting. */
  clipHigh: number;
  /**
   * Dual clip: with a negative advantage, ratios above this stop counting, too; above 1 + clipHigh. Left out: never.
   */
  delta?: number;
}

/** Which bound a ratio ran into. */
export type ClipRegion = "low" | "high" | "delta";

/** A clipped term: what is minimized, its derivative with respect to the logarithm of the ratio, and what cut it. */
export interface ClippedTerm {
  value: number;
  derivative: number;
  region: ClipRegion | null;
}

/**
 * −min(min(ratio, delta) · A, clip(ratio, 1 − clipLow, 1 + clipHigh) · A). The minimum takes a clipped branch only where it
 * is the worse one; the derivative is zero there.
 *
 * @see arXiv:1707.06347 eq. 7 (PPO); arXiv:2503.14476 eq. 10 (a higher bound above); arXiv:1912.09729 eq. 5 (dual clip)
 */
export function clippedTerm(ratio: number, advantage: number, { clipLow, clipHigh, delta }: ClipOptions): ClippedTerm {
  if (advantage < 0) {
    if (ratio < 1 - clipLow) return { value: -((1 - clipLow) * advantage), derivative: 0, region: "low" };
    if (delta !== undefined && ratio > delta) return { value: -(delta * advantage), derivative: 0, region: "delta" };
  } else if (advantage > 0 && ratio > 1 + clipHigh)
    return { value: -((1 + clipHigh) * advantage), derivative: 0, region: "high" };
  return { value: -(ratio * advantage), derivative: -ratio * advantage, region: null };
}

/** Tokens that ran into each bound, for the metrics of a loss. */
export class ClipCounts {
  private low = 0;
  private high = 0;
  private delta = 0;

  /** @param tokens how many stand behind the term */
  add({ region }: ClippedTerm, tokens: number): void {
    if (region !== null) this[region] += tokens;
  }

  /** TRL's `clip_ratio/low_mean`, `/high_mean`, `/region_mean`; with a dual clip also `clip_ratio/delta_mean`. */
  sums({ delta }: ClipOptions): Record<string, number> {
    const sums: Record<string, number> = {
      "clip_ratio/low_mean": this.low,
      "clip_ratio/high_mean": this.high,
      "clip_ratio/region_mean": this.low + this.high,
    };
    if (delta !== undefined) sums["clip_ratio/delta_mean"] = this.delta;
    return sums;
  }
}
