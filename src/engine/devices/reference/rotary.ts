import { requireIndices } from "./index-bounds.ts";
import type { Operands } from "./operand.ts";

/**
 * Rotates the pair (i, i + headDim/2) of every head by its position's angle, or back when direction is −1.
 * @see arXiv:2104.09864 eq. 34, in Hugging Face's half-split layout
 */
export function rotary(operands: Operands<"rotary">): void {
  const { x, cos, sin, positions, y, rows, heads, headDim, direction } = operands;
  const half = headDim / 2;
  requireIndices("rotary.positions", positions, rows, Math.min(cos.length, sin.length) / half);
  for (let t = 0; t < rows; t++) {
    for (let h = 0; h < heads; h++) {
      const at = (t * heads + h) * headDim;
      for (let i = 0; i < half; i++) {
        const c = cos[positions[t] * half + i];
        const s = direction * sin[positions[t] * half + i];
        const [low, high] = [x[at + i], x[at + half + i]];
        y[at + i] = low * c - high * s;
        y[at + half + i] = high * c + low * s;
      }
    }
  }
}
