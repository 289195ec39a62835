import { hashIntegers } from "../../../base/rng.ts";
import type { Operands } from "./operand.ts";

/** out[t,i] = x[t,i] / (1 − rate) where the hash of seed, row and column is large enough, else 0. */
export function dropout({ x, out, rows, width, rate, seed, firstRow }: Operands<"dropout">): void {
  const least = rate * 2 ** 32;
  for (let t = 0; t < rows; t++)
    for (let i = 0; i < width; i++) {
      const at = t * width + i;
      out[at] = hashIntegers(seed, firstRow + t, i) >= least ? x[at] / (1 - rate) : 0;
    }
}
