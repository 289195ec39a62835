import type { Device } from "../engine/device.ts";
import type { DecoderConfig } from "../model/config.ts";

/** FLOPs of the matrix products of one row's forward pass, the output head included; attention's scores left out. */
export function forwardFlops(config: DecoderConfig): number {
  const { width, layers, heads, kvHeads, headDim, feedForward, experts, activeExperts, vocabularySize } = config;
  const attention = width * headDim * (2 * heads + 2 * kvHeads);
  const matrices = config.activation === "swiglu" ? 3 : 2;
  const block = matrices * width * feedForward * (experts > 0 ? activeExperts : 1) + experts * width;
  return 2 * (layers * (attention + block) + vocabularySize * width);
}

/** The best rate of a 512×512×512 product in a few tries, FLOP/s: what `perf/mfu` is a share of. */
export async function measurePeakFlops(device: Device): Promise<number> {
  const size = 512;
  const x = device.allocate("f32", size * size);
  const w = device.allocate("f32", size * size);
  const y = device.allocate("f32", size * size);
  let best = 0;
  const tries = device.info.name === "reference" ? 0 : 8;
  for (let i = 0; i < tries; i++) {
    const began = performance.now();
    device.enqueue("linear", { x, w, bias: null, residual: null, y, rows: size, inner: size, outer: size });
    await device.read(device.view(y, 0, 1));
    best = Math.max(best, (2 * size ** 3) / ((performance.now() - began) / 1000));
  }
  for (const buffer of [x, w, y]) device.free(buffer);
  return best > 0 ? best : 1e8;
}
