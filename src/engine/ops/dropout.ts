import type { Tape, Tensor } from "../tape.ts";

/**
 * y[t,i] = x[t,i] / (1 − rate), or 0 for a share `rate` of the elements, which follows from seed, firstRow + t and i alone:
 * the same rows in other batches lose the same elements. Keeps nothing: the gradient is the same call.
 *
 * @param x f32 [T, D]
 * @param options rate in [0, 1); seed below 2³²; firstRow: number of x's first row
 * @returns [T, D]
 */
export function dropout(
  tape: Tape,
  x: Tensor,
  { rate, seed, firstRow }: { rate: number; seed: number; firstRow: number },
): Tensor {
  const { rows, width } = x;
  const shared = { rows, width, rate, seed, firstRow };
  const y = tape.computed("dropout", x, (out) => ({ x: x.buffer, out, ...shared }));
  tape.onGradient(y, (dY) => tape.contribute(x, (dX) => tape.device.enqueue("dropout", { x: dY, out: dX, ...shared })));
  return y;
}
