import type { Operand, Operands } from "./operand.ts";

/** The expert with the largest of the row's logits that is not in expertIds[from … to); the lower id of equal ones. */
function largestLeft(
  logits: Operand,
  at: number,
  experts: number,
  expertIds: Operand,
  from: number,
  to: number,
): number {
  let best = -1;
  for (let e = 0; e < experts; e++) {
    let taken = false;
    for (let slot = from; slot < to; slot++) taken ||= expertIds[slot] === e;
    if (!taken && (best < 0 || logits[at + e] > logits[at + best])) best = e;
  }
  return best;
}

/** Chooses each row's `active` experts, weighs them, and sorts the slots t·active + j by expert, stably. */
export function moeRoute(operands: Operands<"moeRoute">): void {
  const { logits, expertIds, weights, offsets, order, inverse, rows, experts, active } = operands;
  const slots = rows * active;
  offsets.fill(0, 0, experts + 1);
  for (let t = 0; t < rows; t++) {
    for (let slot = t * active; slot < (t + 1) * active; slot++) {
      expertIds[slot] = largestLeft(logits, t * experts, experts, expertIds, t * active, slot);
      offsets[expertIds[slot] + 1]++;
    }
    const largest = logits[t * experts + expertIds[t * active]];
    let total = 0;
    for (let slot = t * active; slot < (t + 1) * active; slot++) {
      weights[slot] = Math.exp(logits[t * experts + expertIds[slot]] - largest);
      total += weights[slot];
    }
    for (let slot = t * active; slot < (t + 1) * active; slot++) weights[slot] /= total;
  }
  for (let e = 0; e < experts; e++) offsets[e + 1] += offsets[e];
  const next = offsets.slice(0, experts);
  for (let slot = 0; slot < slots; slot++) {
    const r = next[expertIds[slot]]++;
    order[r] = slot;
    inverse[slot] = r;
  }
}

/** dLogits[t, chosen j] = weights[j] · (dWeights[j] − Σ_i weights[i] · dWeights[i]); zero for the others. */
export function moeRouteBackward(operands: Operands<"moeRouteBackward">): void {
  const { dWeights, weights, expertIds, dLogits, rows, experts, active } = operands;
  dLogits.fill(0, 0, rows * experts);
  for (let t = 0; t < rows; t++) {
    let projection = 0;
    for (let slot = t * active; slot < (t + 1) * active; slot++) projection += weights[slot] * dWeights[slot];
    for (let slot = t * active; slot < (t + 1) * active; slot++) {
      dLogits[t * experts + expertIds[slot]] = weights[slot] * (dWeights[slot] - projection);
    }
  }
}

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
