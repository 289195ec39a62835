/** Text to token ids and back. */
export interface Tokenizer {
  /** How many ids there are; ids are 0 … vocabularySize − 1. */
  readonly vocabularySize: number;
  /** The id that ends a completion. */
  readonly eosId: number;
  /**
   * The ids of a text, special tokens written out included; nothing is added at either end.
   * @throws DataError when the text cannot be written in this vocabulary
   */
  encode(text: string): number[];
  /**
   * The text of ids, special tokens written out.
   * @throws DataError when an id is outside the vocabulary
   */
  decode(ids: ArrayLike<number>): string;
}
