import { requireIndices } from "./index-bounds.ts";
import type { Operand, Operands } from "./operand.ts";

/** log Σ_v exp(inverseTemperature · logits[at + v]). */
function logSumExp(logits: Operand, at: number, vocabulary: number, inverseTemperature: number): number {
  let max = -Infinity;
  for (let v = 0; v < vocabulary; v++) max = Math.max(max, inverseTemperature * logits[at + v]);
  let total = 0;
  for (let v = 0; v < vocabulary; v++) total += Math.exp(inverseTemperature * logits[at + v] - max);
  return max + Math.log(total);
}

/** logps[r] = log p[targets[r]], entropies[r] = −Σ p log p, for p = softmax(inverseTemperature · logits[r]). */
export function tokenLogps(operands: Operands<"tokenLogps">): void {
  const { logits, targets, logps, entropies, rows, vocabulary, inverseTemperature } = operands;
  requireIndices("tokenLogps.targets", targets, rows, vocabulary);
  for (let r = 0; r < rows; r++) {
    const at = r * vocabulary;
    const lse = logSumExp(logits, at, vocabulary, inverseTemperature);
    let entropy = 0;
    for (let v = 0; v < vocabulary; v++) {
      const logp = inverseTemperature * logits[at + v] - lse;
      // A logit of −∞ is a token that cannot occur: p log p is 0 there, not NaN.
      if (logp > -Infinity) entropy -= Math.exp(logp) * logp;
    }
    logps[r] = inverseTemperature * logits[at + targets[r]] - lse;
    entropies[r] = entropy;
  }
}

/** Replaces logits by inverseTemperature · (dLogp · (onehot − p) − dEntropy · p · (log p + entropy)). */
export function tokenLogpsBackward(operands: Operands<"tokenLogpsBackward">): void {
  const { logits, targets, entropies, dLogps, dEntropies, rows, vocabulary, inverseTemperature } = operands;
  requireIndices("tokenLogpsBackward.targets", targets, rows, vocabulary);
  for (let r = 0; r < rows; r++) {
    const at = r * vocabulary;
    const lse = logSumExp(logits, at, vocabulary, inverseTemperature);
    for (let v = 0; v < vocabulary; v++) {
      const logp = inverseTemperature * logits[at + v] - lse;
      const p = Math.exp(logp);
      const entropyTerm = p === 0 ? 0 : dEntropies[r] * p * (logp + entropies[r]);
      const onehot = v === targets[r] ? 1 : 0;
      logits[at + v] = inverseTemperature * (dLogps[r] * (onehot - p) - entropyTerm);
    }
  }
}
