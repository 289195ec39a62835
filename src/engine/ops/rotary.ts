import type { DeviceBuffer } from "../device.ts";
import type { Tape, Tensor } from "../tape.ts";

/** cos and sin of position · frequency, f32 [positions, headDim/2] each. */
export interface RotaryTable {
  cos: DeviceBuffer;
  sin: DeviceBuffer;
}

/**
 * Rotary positions, half-split layout (Hugging Face): each head's pair (i, i + headDim/2) turns by position · θ^(−2i/headDim).
 *
 * @param x f32 [T, H·headDim]
 * @param positions i32 [T]
 * @returns [T, H·headDim]
 * @see arXiv:2104.09864
 */
export function rotary(
  tape: Tape,
  x: Tensor,
  { table, positions, headDim }: { table: RotaryTable; positions: DeviceBuffer; headDim: number },
): Tensor {
  const y = tape.tensor(x.rows, x.width);
  const shared = { cos: table.cos, sin: table.sin, positions, rows: x.rows, heads: x.width / headDim, headDim };
  tape.forward("rotary", { x: x.buffer, y: y.buffer, ...shared, direction: 1 });
  tape.push(() => {
    const dY = y.gradient;
    if (!dY) return;
    tape.contribute(x, (dX) => tape.device.enqueue("rotary", { x: dY, y: dX, ...shared, direction: -1 }));
  });
  return y;
}
