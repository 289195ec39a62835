import type { Operands } from "./operand.ts";

/** out[r] = x[floor(order[r] / active)]. */
export function moeGather({ x, order, out, rows, width, active }: Operands<"moeGather">): void {
  for (let r = 0; r < rows * active; r++) {
    const from = Math.floor(order[r] / active) * width;
    for (let i = 0; i < width; i++) out[r * width + i] = x[from + i];
  }
}

/** dX[t] += Σ_j dOut[inverse[t·active + j]]. */
export function moeGatherBackward(operands: Operands<"moeGatherBackward">): void {
  const { dOut, inverse, dX, rows, width, active } = operands;
  for (let slot = 0; slot < rows * active; slot++) {
    const to = Math.floor(slot / active) * width;
    for (let i = 0; i < width; i++) dX[to + i] += dOut[inverse[slot] * width + i];
  }
}

/** y[t] = (residual[t] +) Σ_j weights[t,j] · x[inverse[t·active + j]]; residual may be y. */
export function moeCombine(operands: Operands<"moeCombine">): void {
  const { x, weights, inverse, residual, y, rows, width, active } = operands;
  for (let t = 0; t < rows; t++) {
    for (let i = 0; i < width; i++) {
      let value = residual ? residual[t * width + i] : 0;
      for (let slot = t * active; slot < (t + 1) * active; slot++) {
        value += weights[slot] * x[inverse[slot] * width + i];
      }
      y[t * width + i] = value;
    }
  }
}

/** dX[inverse[t,j]] = weights[t,j] · dY[t]; dWeights[t,j] = dY[t] · x[inverse[t,j]]. */
export function moeCombineBackward(operands: Operands<"moeCombineBackward">): void {
  const { dY, x, weights, inverse, dX, dWeights, rows, width, active } = operands;
  for (let slot = 0; slot < rows * active; slot++) {
    const yAt = Math.floor(slot / active) * width;
    const xAt = inverse[slot] * width;
    let product = 0;
    for (let i = 0; i < width; i++) {
      product += dY[yAt + i] * x[xAt + i];
      dX[xAt + i] = weights[slot] * dY[yAt + i];
    }
    dWeights[slot] = product;
  }
}
