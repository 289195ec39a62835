import type { Device } from "../engine/device.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import type { ExpertUse } from "../records/events.ts";

/** Sums expert counts per mixture layer over forward passes. Rows that pass twice count twice. */
export class ExpertCounter {
  private readonly counts: number[][] = [];

  /** Adds one forward pass. Waits for the device; nothing to wait for where a later result was read already. */
  async add(device: Device, routings: readonly Routing[]): Promise<void> {
    for (let layer = 0; layer < routings.length; layer++) {
      const { experts, offsets } = routings[layer];
      const ends = await device.read(offsets);
      const total = (this.counts[layer] ??= new Array(experts).fill(0));
      for (let e = 0; e < experts; e++) total[e] += ends[e + 1] - ends[e];
    }
  }

  /**
   * Adds one forward pass whose rows stand for several, or for none.
   *
   * @param shares how many rows each row stands for
   */
  async addShared(device: Device, routings: readonly Routing[], shares: ArrayLike<number>): Promise<void> {
    for (let layer = 0; layer < routings.length; layer++) {
      const { experts, expertIds } = routings[layer];
      const ids = await device.read(expertIds);
      const total = (this.counts[layer] ??= new Array(experts).fill(0));
      const active = ids.length / shares.length;
      for (let slot = 0; slot < ids.length; slot++) total[ids[slot]] += shares[Math.floor(slot / active)];
    }
  }

  /** One entry per mixture layer, in order; empty for a dense model. */
  summary(): ExpertUse[] {
    return this.counts.map((counts, layer) => ({ layer, counts, ...describeShares(counts) }));
  }
}

/** The use of several passes together, layer by layer. */
export function joinExpertUse(passes: readonly (readonly ExpertUse[])[]): ExpertUse[] {
  return (passes[0] ?? []).map(({ layer, counts }, at) => {
    const total = counts.map((_, e) => passes.reduce((sum, pass) => sum + pass[at].counts[e], 0));
    return { layer, counts: total, ...describeShares(total) };
  });
}

/** Shares of a layer's slots, their entropy in nats, and the largest over the mean. */
export function describeShares(counts: readonly number[]): Omit<ExpertUse, "layer" | "counts"> {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = counts.map((count) => (total === 0 ? 0 : count / total));
  const entropy = -shares.reduce((sum, share) => sum + (share === 0 ? 0 : share * Math.log(share)), 0);
  const largest = shares.reduce((most, share) => Math.max(most, share), 0);
  return { shares, entropy: entropy === 0 ? 0 : entropy, maxOverMean: largest * shares.length };
}

/**
 * The load-balancing loss of one forward pass, E · Σ_e fraction_e · probability_e, averaged over its mixture layers: 1
 * when every expert is used alike, E when one takes all. Fractions and probabilities are means over the rows of this
 * pass, so over one micro-batch.
 *
 * @returns null when the loss is off or the model is dense
 * @see arXiv:2101.03961 eq. 4
 */
export async function balanceLoss(device: Device, routings: readonly Routing[]): Promise<number | null> {
  let sum = 0;
  let layers = 0;
  for (const { balance, experts } of routings) {
    if (!balance) continue;
    const probabilities = await device.read(balance.probabilities);
    const fractions = await device.read(balance.fractions);
    for (let e = 0; e < experts; e++) sum += experts * fractions[e] * probabilities[e];
    layers++;
  }
  return layers === 0 ? null : sum / layers;
}
