import type { DeviceBuffer } from "../device.ts";
import type { Tape, Tensor } from "../tape.ts";

/**
 * y = factor · x, elementwise. Keeps nothing; on the way back the gradient is scaled where it is.
 *
 * @param x f32 [T, D]
 * @param options recomputable: y may be computed again instead of being kept; its readers must ask for the buffer when they
 * read, on the way back too
 * @returns [T, D]
 */
export function scale(tape: Tape, x: Tensor, factor: number, { recomputable = false } = {}): Tensor {
  const count = x.rows * x.width;
  const args = (out: DeviceBuffer) => ({ x: x.buffer, out, count, factor });
  const y = recomputable ? tape.computed("scale", x, args) : tape.tensor(x.rows, x.width);
  if (!recomputable) tape.forward("scale", args(y.buffer));
  tape.onGradient(y, (dY) => {
    tape.device.enqueue("scale", { x: dY, out: dY, count, factor });
    tape.handOver(x, y);
  });
  return y;
}
