import type { Scope } from "../engine/scope.ts";
import { Tape, type Tensor } from "../engine/tape.ts";

/** Rows of one forward pass at most, unless a single text has more. */
export const PASS_ROWS = 1024;

/**
 * What a model makes of texts that are only read: passes over as many of them as fit, nothing recorded.
 *
 * @param texts token ids of each, in order
 * @param forward [rows of some texts, D], one text after the other
 * @returns of each text f32 [L, D]
 */
export async function readHiddenRows(
  scope: Scope,
  texts: readonly (readonly number[])[],
  forward: (tape: Tape, texts: readonly (readonly number[])[]) => Tensor,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  while (rows.length < texts.length) {
    const some = firstWithinBudget(texts.slice(rows.length));
    try {
      const hidden = forward(new Tape(scope, { recording: false }), some);
      const values = await scope.device.read(hidden.buffer);
      let at = 0;
      for (const { length } of some) rows.push(Float32Array.from(values.subarray(at, (at += length * hidden.width))));
    } finally {
      scope.end();
    }
  }
  return rows;
}

/** As many texts as one pass takes, at least one. */
function firstWithinBudget(texts: readonly (readonly number[])[]): readonly (readonly number[])[] {
  let rows = 0;
  const end = texts.findIndex(({ length }, i) => (rows += length) > PASS_ROWS && i > 0);
  return end < 0 ? texts : texts.slice(0, end);
}
