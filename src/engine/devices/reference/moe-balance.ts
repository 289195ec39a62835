import type { Operand, Operands } from "./operand.ts";

/** Writes softmax(logits[t]) over all experts to `into`. */
function routerProbabilities(logits: Operand, t: number, experts: number, into: Float64Array): void {
  let max = -Infinity;
  for (let e = 0; e < experts; e++) max = Math.max(max, logits[t * experts + e]);
  let total = 0;
  for (let e = 0; e < experts; e++) total += into[e] = Math.exp(logits[t * experts + e] - max);
  for (let e = 0; e < experts; e++) into[e] /= total;
}

/** probabilities[e] = mean_t softmax(logits[t])[e]; fractions[e] = share of the slots routed to e. @see arXiv:2101.03961 eq. 4 */
export function moeBalance(operands: Operands<"moeBalance">): void {
  const { logits, offsets, probabilities, fractions, rows, experts, active } = operands;
  const row = new Float64Array(experts);
  probabilities.fill(0, 0, experts);
  for (let t = 0; t < rows; t++) {
    routerProbabilities(logits, t, experts, row);
    for (let e = 0; e < experts; e++) probabilities[e] += row[e] / rows;
  }
  for (let e = 0; e < experts; e++) fractions[e] = (offsets[e + 1] - offsets[e]) / (rows * active);
}

/** dLogits[t,e] += scale · E / rows · p[t,e] · (fractions[e] − Σ_i fractions[i] · p[t,i]); fractions are constants. */
export function moeBalanceBackward(operands: Operands<"moeBalanceBackward">): void {
  const { logits, fractions, dLogits, rows, experts, scale } = operands;
  const row = new Float64Array(experts);
  for (let t = 0; t < rows; t++) {
    routerProbabilities(logits, t, experts, row);
    let projection = 0;
    for (let e = 0; e < experts; e++) projection += fractions[e] * row[e];
    for (let e = 0; e < experts; e++) {
      dLogits[t * experts + e] += ((scale * experts) / rows) * row[e] * (fractions[e] - projection);
    }
  }
}
