import type { Tape, Tensor } from "../tape.ts";

/**
 * y = residual + factor · x. Keeps nothing.
 *
 * @param x, residual f32 [T, D]
 * @returns [T, D]
 */
export function addScaled(tape: Tape, x: Tensor, { residual, factor }: { residual: Tensor; factor: number }): Tensor {
  const count = x.rows * x.width;
  const y = tape.tensor(x.rows, x.width);
  tape.forward("copy", { x: residual.buffer, out: y.buffer, count });
  tape.forward("addScaled", { x: x.buffer, out: y.buffer, count, scale: factor });
  tape.onGradient(y, (dY) => {
    tape.contribute(x, (dX) => tape.device.enqueue("scale", { x: dY, out: dX, count, factor }));
    tape.handOver(residual, y);
  });
  return y;
}
