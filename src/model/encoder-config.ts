/** What an encoder computes: BERT's post-norm blocks and what its relatives do otherwise. */
export interface EncoderConfig {
  vocabularySize: number;
  width: number;
  layers: number;
  heads: number;
  feedForward: number;
  /** Rows of the table of positions. */
  positions: number;
  /** Row of a text's first token in that table: 0, or, with RoBERTa, the one after the padding token's id. */
  firstPosition: number;
  /** The id whose tokens all have the position before the first and count for no other; null: none has. */
  paddingId: number | null;
  /** Rows of the table of token types, of which texts have the first; 0: there is none. */
  types: number;
  /** Added to the variance in layer norms. */
  normEps: number;
}

/** The most tokens a text may have. */
export const mostTokens = ({ positions, firstPosition }: EncoderConfig): number => positions - firstPosition;

/** The row of each token's position; of tokens after the most there may be, rows that the table does not have. */
export function tokenPositions(ids: readonly number[], { firstPosition, paddingId }: EncoderConfig): number[] {
  let next = firstPosition;
  return ids.map((id) => (id === paddingId ? firstPosition - 1 : next++));
}

/** Names and shapes of an encoder's arrays; matrices are [outer, inner] as in PyTorch. */
export function encoderArrays(config: EncoderConfig): { name: string; shape: number[] }[] {
  const { width, feedForward, vocabularySize, positions, types } = config;
  const linear = (name: string, outer: number, inner: number) => [
    { name: `${name}.weight`, shape: [outer, inner] },
    { name: `${name}.bias`, shape: [outer] },
  ];
  const norm = (name: string) => [
    { name: `${name}.weight`, shape: [width] },
    { name: `${name}.bias`, shape: [width] },
  ];
  return [
    { name: "embedding.weight", shape: [vocabularySize, width] },
    { name: "positions.weight", shape: [positions, width] },
    ...(types > 0 ? [{ name: "types.weight", shape: [types, width] }] : []),
    ...norm("embeddingNorm"),
    ...Array.from({ length: config.layers }, (_, layer) => `layers.${layer}`).flatMap((at) => [
      ...linear(`${at}.query`, width, width),
      ...linear(`${at}.key`, width, width),
      ...linear(`${at}.value`, width, width),
      ...linear(`${at}.attentionOutput`, width, width),
      ...norm(`${at}.attentionNorm`),
      ...linear(`${at}.up`, feedForward, width),
      ...linear(`${at}.down`, width, feedForward),
      ...norm(`${at}.feedForwardNorm`),
    ]),
  ];
}
