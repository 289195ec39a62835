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

/** One row's logits [E], the experts chosen of it in their order, and how choices are weighed. */
interface Choices {
  row: Operand;
  ids: Operand;
  mode: number;
  jitter: number;
}

/** Writes to `into` [E] the softmax that choice j's weight is read from; experts that are not in it get 0. */
function choiceSoftmax({ row, ids, mode, jitter }: Choices, j: number, into: Float64Array): void {
  const own = row[ids[j]];
  const isIn = (e: number): boolean => {
    if (mode === 0) return ids.includes(e);
    if (mode === 1) return true;
    // Not written as ≤: 0 / 0, where all logits are 0, is in.
    return !ids.subarray(0, j).includes(e) && !((own - row[e]) / Math.max(Math.abs(row[e]), own) > 2 * jitter);
  };
  const largest = mode === 2 ? own : row[ids[0]];
  let total = 0;
  for (let e = 0; e < row.length; e++) total += into[e] = isIn(e) ? Math.exp(row[e] - largest) : 0;
  for (let e = 0; e < row.length; e++) into[e] /= total;
}

/** Chooses each row's `active` experts, weighs them, and sorts the slots t·active + j by expert, stably. */
export function moeRoute(operands: Operands<"moeRoute">): void {
  const { logits, expertIds, weights, offsets, order, inverse, rows, experts, active, mode, jitter } = operands;
  const slots = rows * active;
  const softmax = new Float64Array(experts);
  offsets.fill(0, 0, experts + 1);
  for (let t = 0; t < rows; t++) {
    for (let slot = t * active; slot < (t + 1) * active; slot++) {
      expertIds[slot] = largestLeft(logits, t * experts, experts, expertIds, t * active, slot);
      offsets[expertIds[slot] + 1]++;
    }
    const row = logits.subarray(t * experts, (t + 1) * experts);
    const ids = expertIds.subarray(t * active, (t + 1) * active);
    for (let j = 0; j < active; j++) {
      choiceSoftmax({ row, ids, mode, jitter }, j, softmax);
      weights[t * active + j] = softmax[ids[j]];
    }
  }
  for (let e = 0; e < experts; e++) offsets[e + 1] += offsets[e];
  const next = offsets.slice(0, experts);
  for (let slot = 0; slot < slots; slot++) {
    const r = next[expertIds[slot]]++;
    order[r] = slot;
    inverse[slot] = r;
  }
}

/** dLogits[t,e] = Σ_j dWeights[t,j] · weights[t,j] · ([e is choice j] − p_j[e]), p_j being the softmax of choice j. */
export function moeRouteBackward(operands: Operands<"moeRouteBackward">): void {
  const { dWeights, logits, weights, expertIds, dLogits, rows, experts, active, mode, jitter } = operands;
  const softmax = new Float64Array(experts);
  dLogits.fill(0, 0, rows * experts);
  for (let t = 0; t < rows; t++) {
    const row = logits.subarray(t * experts, (t + 1) * experts);
    const ids = expertIds.subarray(t * active, (t + 1) * active);
    for (let j = 0; j < active; j++) {
      choiceSoftmax({ row, ids, mode, jitter }, j, softmax);
      const flow = dWeights[t * active + j] * weights[t * active + j];
      dLogits[t * experts + ids[j]] += flow;
      for (let e = 0; e < experts; e++) dLogits[t * experts + e] -= flow * softmax[e];
    }
  }
}
