import { requireIndices } from "./index-bounds.ts";
import type { Operands } from "./operand.ts";

/** out[t] = scale · table[tokens[t]]. */
export function embed({ table, tokens, out, rows, width, scale }: Operands<"embed">): void {
  requireIndices("embed.tokens", tokens, rows, table.length / width);
  for (let t = 0; t < rows; t++) {
    const from = tokens[t] * width;
    for (let i = 0; i < width; i++) out[t * width + i] = scale * table[from + i];
  }
}

/** dTable[tokens[t]] += scale · dOut[t]. */
export function embedBackward({ dOut, tokens, dTable, rows, width, scale }: Operands<"embedBackward">): void {
  requireIndices("embedBackward.tokens", tokens, rows, dTable.length / width);
  for (let t = 0; t < rows; t++) {
    const to = tokens[t] * width;
    for (let i = 0; i < width; i++) dTable[to + i] += scale * dOut[t * width + i];
  }
}

/** out[r] = x[index[r]]. */
export function gatherRows({ x, index, out, rows, width }: Operands<"gatherRows">): void {
  requireIndices("gatherRows.index", index, rows, x.length / width);
  for (let r = 0; r < rows; r++) {
    const from = index[r] * width;
    for (let i = 0; i < width; i++) out[r * width + i] = x[from + i];
  }
}

/** out[index[r]] += x[r]. */
export function scatterAddRows({ x, index, out, rows, width }: Operands<"scatterAddRows">): void {
  requireIndices("scatterAddRows.index", index, rows, out.length / width);
  for (let r = 0; r < rows; r++) {
    const to = index[r] * width;
    for (let i = 0; i < width; i++) out[to + i] += x[r * width + i];
  }
}

/** out[index[r]] = x[r]. */
export function placeRows({ x, index, out, rows, width }: Operands<"placeRows">): void {
  requireIndices("placeRows.index", index, rows, out.length / width);
  for (let r = 0; r < rows; r++) {
    const to = index[r] * width;
    for (let i = 0; i < width; i++) out[to + i] = x[r * width + i];
  }
}

/** out[n] += Σ_t x[t,n]. */
export function columnSum({ x, out, rows, width }: Operands<"columnSum">): void {
  for (let t = 0; t < rows; t++) {
    for (let n = 0; n < width; n++) out[n] += x[t * width + n];
  }
}
