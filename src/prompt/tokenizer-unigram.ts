import { DataError } from "../base/errors.ts";
import { fallbackToken } from "./tokenizer-bytes.ts";
import type { TokenizerField } from "./tokenizer-field.ts";
import type { PieceModel } from "./tokenizer-vocabulary.ts";

/**
 * SentencePiece's unigram model: of all ways to write a piece in tokens, the one with the largest sum of scores (of
 * equal ones the path whose last token is longest). A character that is no token costs the lowest score − 10;
 * neighbouring unknown characters are one token, or their bytes with `byte_fallback`.
 *
 * @see arXiv:1804.10959
 */
export class UnigramModel implements PieceModel {
  readonly vocabulary = new Map<string, number>();
  private readonly scores: number[] = [];
  private readonly unknown: number | null;
  private readonly unknownScore: number;
  private readonly byteFallback: boolean;
  private readonly longest: number;

  constructor(field: TokenizerField) {
    let lowest = Number.POSITIVE_INFINITY;
    let longest = 1;
    for (const [id, entry] of field.child("vocab").items().entries()) {
      const [token, score] = entry.items();
      if (score === undefined) throw entry.refuse("a token and its score");
      this.vocabulary.set(token.string(), id);
      this.scores.push(score.number());
      lowest = Math.min(lowest, score.number());
      longest = Math.max(longest, token.string().length);
    }
    const unknown = field.child("unk_id");
    this.unknown = unknown.missing ? null : unknown.id();
    if (this.unknown !== null && this.unknown >= this.scores.length) throw unknown.refuse("an id of the vocabulary");
    this.unknownScore = lowest - 10;
    this.byteFallback = field.child("byte_fallback").flag(false);
    this.longest = longest;
  }

  encode(piece: string): number[] {
    const best = new Float64Array(piece.length + 1).fill(Number.NEGATIVE_INFINITY);
    const begins = new Int32Array(piece.length + 1).fill(-1);
    const tokens = new Int32Array(piece.length + 1);
    const offer = (begin: number, end: number, token: number, score: number): void => {
      if (begins[end] >= 0 && best[begin] + score <= best[end]) return;
      best[end] = best[begin] + score;
      begins[end] = begin;
      tokens[end] = token;
    };
    best[0] = 0;
    for (let begin = 0; begin < piece.length; ) {
      const character = piece.codePointAt(begin)! > 0xffff ? 2 : 1;
      let hasCharacter = false;
      for (let end = begin + 1; end <= Math.min(piece.length, begin + this.longest); end++) {
        const token = this.vocabulary.get(piece.slice(begin, end));
        if (token === undefined) continue;
        offer(begin, end, token, token === this.unknown ? this.unknownScore : this.scores[token]);
        hasCharacter ||= end === begin + character;
      }
      if (!hasCharacter) offer(begin, begin + character, -1, this.unknownScore);
      begin += character;
    }

    const ids: number[][] = [];
    for (let end = piece.length, unknownEnd = -1; end > 0; end = begins[end]) {
      const begin = begins[end];
      const isUnknown = tokens[end] === -1 || tokens[end] === this.unknown;
      if (isUnknown && unknownEnd < 0) unknownEnd = end;
      if (!isUnknown) ids.push([tokens[end]]);
      else if (begin === 0 || !(tokens[begin] === -1 || tokens[begin] === this.unknown)) {
        ids.push(this.unknownText(piece.slice(begin, unknownEnd)));
        unknownEnd = -1;
      }
    }
    return ids.reverse().flat();
  }

  private unknownText(text: string): number[] {
    if (this.byteFallback) {
      const bytes = Array.from(new TextEncoder().encode(text), (byte) => this.vocabulary.get(fallbackToken(byte)));
      if (bytes.every((id) => id !== undefined)) return bytes;
    }
    if (this.unknown !== null) return [this.unknown];
    throw new DataError(`encode: the vocabulary has no token for \`${text}\` and none for the unknown; leave it out`);
  }
}
