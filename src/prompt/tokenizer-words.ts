import type { TokenizerField } from "./tokenizer-field.ts";
import { type PieceModel, readVocabulary, unknownId } from "./tokenizer-vocabulary.ts";

/**
 * BERT's pieces: the longest token that begins a word, then the longest that goes on (`##…`), and so on; a word that
 * cannot be finished so, or is longer than `max_input_chars_per_word`, is the unknown token.
 *
 * @see arXiv:1609.08144
 */
export class WordPieceModel implements PieceModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  private readonly unknown: number;
  private readonly prefix: string;
  private readonly longestWord: number;

  constructor(field: TokenizerField) {
    this.vocabulary = readVocabulary(field.child("vocab"));
    this.unknown = unknownId(field, this.vocabulary);
    this.prefix = field.child("continuing_subword_prefix").string("##");
    this.longestWord = field.child("max_input_chars_per_word").number(100);
  }

  encode(piece: string): number[] {
    const characters = Array.from(piece);
    if (characters.length > this.longestWord) return [this.unknown];
    const ids: number[] = [];
    for (let begin = 0; begin < characters.length; ) {
      let end = characters.length;
      let id: number | undefined;
      for (; end > begin && id === undefined; end--) {
        id = this.vocabulary.get((begin > 0 ? this.prefix : "") + characters.slice(begin, end).join(""));
      }
      if (id === undefined) return [this.unknown];
      ids.push(id);
      begin = end + 1;
    }
    return ids;
  }
}

/** One token per piece, or the unknown token. */
export class WordLevelModel implements PieceModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  private readonly unknown: number;

  constructor(field: TokenizerField) {
    this.vocabulary = readVocabulary(field.child("vocab"));
    this.unknown = unknownId(field, this.vocabulary);
  }

  encode(piece: string): number[] {
    return [this.vocabulary.get(piece) ?? this.unknown];
  }
}
