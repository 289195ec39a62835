import type { Device } from "../engine/device.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import type { ExpertUse } from "../records/events.ts";

/** Sums expert counts per mixture layer over the micro-batches of a step. */
export class ExpertCounter {
  private readonly counts: number[][] = [];

  /** Adds one forward pass. Waits for the device. */
  async add(device: Device, routings: readonly Routing[]): Promise<void> {
    for (let layer = 0; layer < routings.length; layer++) {
      const offsets = await device.read(routings[layer].offsets);
      const total = (this.counts[layer] ??= new Array(routings[layer].experts).fill(0));
      for (let e = 0; e < total.length; e++) total[e] += offsets[e + 1] - offsets[e];
    }
  }

  summary(): ExpertUse[] {
    return this.counts.map((counts, layer) => ({ layer, counts, ...describeShares(counts) }));
  }
}

/** Shares of a layer's slots, their entropy in nats, and the largest over the mean. */
export function describeShares(counts: readonly number[]): Omit<ExpertUse, "layer" | "counts"> {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.map((count) => (total === 0 ? 0 : count / total));
  const entropy = -shares.reduce((sum, share) => sum + (share === 0 ? 0 : share * Math.log(share)), 0);
  return { shares, entropy: entropy === 0 ? 0 : entropy, maxOverMean: Math.max(...shares) * shares.length };
}
