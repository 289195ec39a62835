import type { Tape, Tensor } from "../tape.ts";

/**
 * y = factor · x, elementwise. Keeps nothing; on the way back the gradient is scaled where it is.
 *
 * @param x f32 [T, D]
 * @returns [T, D]
 */
export function scale(tape: Tape, x: Tensor, factor: number): Tensor {
  const count = x.rows * x.width;
  const y = tape.tensor(x.rows, x.width);
  tape.forward("scale", { x: x.buffer, out: y.buffer, count, factor });
  tape.onGradient(y, (dY) => {
    tape.device.enqueue("scale", { x: dY, out: dY, count, factor });
    tape.handOver(x, y);
  });
  return y;
}
