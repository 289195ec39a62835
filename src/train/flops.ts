import type { Device } from "../engine/device.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { Policy } from "../model/policy.ts";

/**
 * FLOPs of the matrix products of a forward pass, attention's scores left out: `rows` through the blocks, `entries`
 * through the output head. A low-rank addition is left out too. See `backwardPasses`.
 */
export function forwardFlops(config: DecoderConfig, { rows, entries }: { rows: number; entries: number }): number {
  const { width, layers, heads, kvHeads, headDim, feedForward, experts, activeExperts, vocabularySize } = config;
  const attention = width * headDim * (2 * heads + 2 * kvHeads);
  const matrices = config.activation === "swiglu" ? 3 : 2;
  const dense = experts === 0 ? layers : config.denseLayers.length;
  const plain = matrices * width * (experts === 0 ? feedForward : config.denseFeedForward);
  const mixture = matrices * width * feedForward * activeExperts + experts * width;
  const blocks = layers * attention + dense * plain + (layers - dense) * mixture;
  return 2 * (rows * blocks + entries * vocabularySize * width);
}

/**
 * What a backward pass takes, in forward passes: one for the gradients of activations and one for those of weights, of which
 * an adapter's are next to none.
 */
export const backwardPasses = ({ adapter }: Pick<Policy, "adapter">): number => (adapter ? 1 : 2);

/**
 * The best rate of a 512×512×512 product in a few tries, FLOP/s: what `perf/mfu` is a share of.
 *
 * @returns null on the reference device, whose speed says nothing
 */
export async function measurePeakFlops(device: Device): Promise<number | null> {
  if (device.info.name === "reference") return null;
  const size = 512;
  const buffers = Array.from({ length: 3 }, () => device.allocate("f32", size * size));
  const [x, w, y] = buffers;
  try {
    let best = 0;
    for (let i = 0; i < 8; i++) {
      const began = performance.now();
      device.enqueue("linear", { x, w, bias: null, residual: null, y, rows: size, inner: size, outer: size });
      await device.read(device.view(y, 0, 1));
      best = Math.max(best, (2 * size ** 3) / ((performance.now() - began) / 1000));
    }
    return best;
  } finally {
    for (const buffer of buffers) device.free(buffer);
  }
}
