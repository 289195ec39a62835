import type { Operand, Operands } from "./operand.ts";

/** The product of x's row at `xAt` with the weight's row at `wAt`. */
function dot(x: Operand, xAt: number, w: Operand, wAt: number, inner: number): number {
  let total = 0;
  for (let k = 0; k < inner; k++) total += x[xAt + k] * w[wAt + k];
  return total;
}

/** y[t] = x[t] · wᵀ (+ bias) (+ residual[t]). */
export function linear({ x, w, bias, residual, y, rows, inner, outer }: Operands<"linear">): void {
  for (let t = 0; t < rows; t++) {
    for (let n = 0; n < outer; n++) {
      let value = dot(x, t * inner, w, n * inner, inner);
      if (bias) value += bias[n];
      if (residual) value += residual[t * outer + n];
      y[t * outer + n] = value;
    }
  }
}

/** Adds dY[t] · w to dX[t], after clearing it unless `accumulate`; `w` begins at `wAt`. */
function backwardInputRow(
  { dY, w, dX, inner, outer, accumulate }: Omit<Operands<"linearBackwardInput">, "rows">,
  t: number,
  wAt: number,
): void {
  if (accumulate === 0) dX.fill(0, t * inner, (t + 1) * inner);
  for (let n = 0; n < outer; n++) {
    const d = dY[t * outer + n];
    for (let k = 0; k < inner; k++) dX[t * inner + k] += d * w[wAt + n * inner + k];
  }
}

/** Adds dY[t]ᵀ · x[t] to the gradient that begins at `dwAt`. */
function backwardWeightRow(
  { dY, x, dW, inner, outer }: Omit<Operands<"linearBackwardWeight">, "rows">,
  t: number,
  dwAt: number,
): void {
  for (let n = 0; n < outer; n++) {
    const d = dY[t * outer + n];
    for (let k = 0; k < inner; k++) dW[dwAt + n * inner + k] += d * x[t * inner + k];
  }
}

/** dX[t] (= or +=) dY[t] · w. */
export function linearBackwardInput(operands: Operands<"linearBackwardInput">): void {
  for (let t = 0; t < operands.rows; t++) backwardInputRow(operands, t, 0);
}

/** dW += dYᵀ · x. */
export function linearBackwardWeight(operands: Operands<"linearBackwardWeight">): void {
  for (let t = 0; t < operands.rows; t++) backwardWeightRow(operands, t, 0);
}

/** y[r] = x[r] · w[e]ᵀ (+ bias[e]) for the rows r of expert e. */
export function groupedLinear({ x, w, bias, offsets, y, inner, outer, experts }: Operands<"groupedLinear">): void {
  for (let e = 0; e < experts; e++) {
    for (let r = offsets[e]; r < offsets[e + 1]; r++) {
      for (let n = 0; n < outer; n++) {
        const value = dot(x, r * inner, w, (e * outer + n) * inner, inner);
        y[r * outer + n] = bias ? value + bias[e * outer + n] : value;
      }
    }
  }
}

/** dX[r] (= or +=) dY[r] · w[e]. */
export function groupedLinearBackwardInput(operands: Operands<"groupedLinearBackwardInput">): void {
  const { offsets, inner, outer, experts } = operands;
  for (let e = 0; e < experts; e++) {
    for (let r = offsets[e]; r < offsets[e + 1]; r++) backwardInputRow(operands, r, e * outer * inner);
  }
}

/** dW[e] += Σ_r dY[r]ᵀ · x[r] over expert e's rows. */
export function groupedLinearBackwardWeight(operands: Operands<"groupedLinearBackwardWeight">): void {
  const { offsets, inner, outer, experts } = operands;
  for (let e = 0; e < experts; e++) {
    for (let r = offsets[e]; r < offsets[e + 1]; r++) backwardWeightRow(operands, r, e * outer * inner);
  }
}

/** out[e] += Σ_r x[r] over expert e's rows. */
export function groupedColumnSum({ x, offsets, out, width, experts }: Operands<"groupedColumnSum">): void {
  for (let e = 0; e < experts; e++) {
    for (let r = offsets[e]; r < offsets[e + 1]; r++) {
      for (let n = 0; n < width; n++) out[e * width + n] += x[r * width + n];
    }
  }
}
