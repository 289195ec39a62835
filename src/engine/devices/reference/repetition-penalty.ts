import { requireIndices } from "./index-bounds.ts";
import type { Operands } from "./operand.ts";

/** Each distinct id of a row's tokens: its logit is divided by penalty when positive, else multiplied. */
export function repetitionPenalty(operands: Operands<"repetitionPenalty">): void {
  const { logits, tokens, offsets, rows, vocabulary, penalty } = operands;
  requireIndices("repetitionPenalty.tokens", tokens, offsets[rows], vocabulary);
  for (let r = 0; r < rows; r++) {
    for (const token of new Set(tokens.subarray(offsets[r], offsets[r + 1]))) {
      const at = r * vocabulary + token;
      logits[at] = logits[at] > 0 ? logits[at] / penalty : logits[at] * penalty;
    }
  }
}
