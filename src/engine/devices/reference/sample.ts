import type { Operands } from "./operand.ts";

/** The lowest id among the largest logits. */
function greedy(logits: ArrayLike<number>): number {
  let best = 0;
  for (let v = 1; v < logits.length; v++) if (logits[v] > logits[best]) best = v;
  return best;
}

/** Zeroes the weights of every id of `ranking` from `kept` on. */
function cut(weights: Float64Array, ranking: readonly number[], kept: number): void {
  for (let i = kept; i < ranking.length; i++) weights[ranking[i]] = 0;
}

/** How many of the most likely ids it takes to reach `topP` of the mass that is left. */
function nucleusSize(weights: Float64Array, ranking: readonly number[], topP: number): number {
  let total = 0;
  for (const id of ranking) total += weights[id];
  let mass = 0;
  for (let i = 0; i < ranking.length; i++) {
    mass += weights[ranking[i]];
    if (mass >= topP * total) return i + 1;
  }
  return ranking.length;
}

/** The first id whose cumulative weight, ids ascending, exceeds uniform · total. */
function inverseTransform(weights: Float64Array, uniform: number): number {
  let total = 0;
  for (const weight of weights) total += weight;
  const threshold = uniform * total;
  let cumulative = 0;
  let last = 0;
  for (let v = 0; v < weights.length; v++) {
    if (weights[v] === 0) continue;
    cumulative += weights[v];
    last = v;
    if (cumulative > threshold) return v;
  }
  // Rounding can leave the last sum just short of the threshold; the last token that may be drawn is then the answer.
  return last;
}

/**
 * Draws one token per row; topP applies to the distribution that topK left, renormalized, as in Hugging Face, and minP to
 * what both left (their order makes no difference to it: it compares with the likeliest token, which no cut removes).
 */
export function sample(operands: Operands<"sample">): void {
  const { logits, uniforms, tokens, rows, vocabulary, inverseTemperature, topK, topP, minP } = operands;
  const weights = new Float64Array(vocabulary);
  for (let r = 0; r < rows; r++) {
    const row = logits.subarray(r * vocabulary, (r + 1) * vocabulary);
    const best = greedy(row);
    if (inverseTemperature === 0) {
      tokens[r] = best;
      continue;
    }
    for (let v = 0; v < vocabulary; v++) weights[v] = Math.exp(inverseTemperature * (row[v] - row[best]));
    if (topK > 0 || topP < 1) {
      const ranking = Array.from(row.keys()).sort((a, b) => row[b] - row[a] || a - b);
      if (topK > 0) cut(weights, ranking, topK);
      if (topP < 1) cut(weights, ranking, nucleusSize(weights, ranking, topP));
    }
    // The likeliest token's weight is 1.
    for (let v = 0; v < vocabulary; v++) if (weights[v] < minP) weights[v] = 0;
    tokens[r] = inverseTransform(weights, uniforms[r]);
  }
}
