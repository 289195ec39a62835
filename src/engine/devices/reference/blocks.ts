import { bytesOf, decodeWeight, weightFormats } from "../../weight-formats.ts";
import { groupedLinear, groupedLinearBackwardInput, linear, linearBackwardInput } from "./matrix.ts";
import type { Operand, Operands } from "./operand.ts";
import { embed } from "./rows.ts";

/** The values of a weight in a format, which are f32 numbers on every device. The operand may be longer than the weight. */
function decoded(blocks: Operand, format: number, shape: readonly number[]): Float64Array {
  const name = weightFormats[format];
  const bytes = (blocks as Uint8Array).subarray(0, bytesOf(name, shape));
  return Float64Array.from(decodeWeight(name, bytes, shape));
}

/** y[t] = x[t] · wᵀ (+ bias) (+ residual[t]). */
export function linearBlocks(operands: Operands<"linearBlocks">): void {
  const { blocks, format, inner, outer } = operands;
  linear({ ...operands, w: decoded(blocks, format, [outer, inner]) });
}

/** dX[t] (= or +=) dY[t] · w. */
export function linearBlocksBackwardInput(operands: Operands<"linearBlocksBackwardInput">): void {
  const { blocks, format, inner, outer } = operands;
  linearBackwardInput({ ...operands, w: decoded(blocks, format, [outer, inner]) });
}

/** y[r] = x[r] · w[e]ᵀ (+ bias[e]) for the rows r of expert e. */
export function groupedLinearBlocks(operands: Operands<"groupedLinearBlocks">): void {
  const { blocks, format, inner, outer, experts } = operands;
  groupedLinear({ ...operands, w: decoded(blocks, format, [experts, outer, inner]) });
}

/** dX[r] (= or +=) dY[r] · w[e]. */
export function groupedLinearBlocksBackwardInput(operands: Operands<"groupedLinearBlocksBackwardInput">): void {
  const { blocks, format, inner, outer, experts } = operands;
  groupedLinearBackwardInput({ ...operands, w: decoded(blocks, format, [experts, outer, inner]) });
}

/** out[t] = scale · table[tokens[t]]. */
export function embedBlocks(operands: Operands<"embedBlocks">): void {
  const { blocks, format, width, vocabulary } = operands;
  embed({ ...operands, table: decoded(blocks, format, [vocabulary, width]) });
}
