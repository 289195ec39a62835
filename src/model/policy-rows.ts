import { readHiddenRows } from "./hidden-rows.ts";
import { packSequences, uploadRows } from "./packed-batch.ts";
import type { Policy } from "./policy.ts";

/**
 * The hidden rows of texts after some blocks of a decoder; after all of them, those that its output head reads. Causal: a
 * token's row knows what came before it.
 *
 * @param texts token ids of each
 * @param options layers: blocks, default all there are
 * @returns of each text f32 [L, D]
 * @throws ShapeError when an id is not in the vocabulary or a text is longer than the model's positions
 */
export function policyRows(
  { stepScope, decoder, config, weights }: Policy,
  texts: readonly (readonly number[])[],
  { layers = config.layers }: { layers?: number } = {},
): Promise<Float32Array[]> {
  return readHiddenRows(stepScope, texts, (tape, some) => {
    const batch = packSequences(some.map((prompt) => ({ prompt, completions: [] })));
    return decoder.forward(tape, weights, uploadRows(stepScope, batch, config), { layers }).hidden;
  });
}
