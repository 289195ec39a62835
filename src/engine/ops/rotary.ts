import type { DeviceBuffer } from "../device.ts";
import type { Tape, Tensor } from "../tape.ts";

/** cos and sin of position · frequency, f32 [positions, headDim/2] each. */
export interface RotaryTable {
  cos: DeviceBuffer;
  sin: DeviceBuffer;
}

/**
 * Rotary positions, half-split layout (Hugging Face): each head's pair (i, i + headDim/2) turns by position · θ^(−2i/headDim).
 * Turns x itself, and on the way back its gradient: a rotation needs nothing kept.
 *
 * @param x f32 [T, H·headDim], overwritten; nothing else may have read it
 * @param positions i32 [T]
 * @returns x
 * @see arXiv:2104.09864
 */
export function rotary(
  tape: Tape,
  x: Tensor,
  { table, positions, headDim }: { table: RotaryTable; positions: DeviceBuffer; headDim: number },
): Tensor {
  const shared = { cos: table.cos, sin: table.sin, positions, rows: x.rows, heads: x.width / headDim, headDim };
  tape.forward("rotary", { x: x.buffer, y: x.buffer, ...shared, direction: 1 });
  tape.push(() => {
    const { gradient } = x;
    if (gradient) tape.device.enqueue("rotary", { x: gradient, y: gradient, ...shared, direction: -1 });
  });
  return x;
}
