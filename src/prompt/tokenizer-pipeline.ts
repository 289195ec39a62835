import { DataError } from "../base/errors.ts";
import { type AddedToken, AddedTokenFinder, readAddedToken } from "./tokenizer-added.ts";
import { readDecoder } from "./tokenizer-decode.ts";
import { TokenizerField } from "./tokenizer-field.ts";
import { readModel } from "./tokenizer-models.ts";
import { type Normalizer, readNormalizer } from "./tokenizer-normalize.ts";
import { type PreTokenizer, readPreTokenizer } from "./tokenizer-split.ts";
import type { PieceModel } from "./tokenizer-vocabulary.ts";

/** Pieces whose ids are remembered: words recur, and merging them is most of the work. Emptied when full. */
const REMEMBERED_PIECES = 1 << 16;
/** Longer pieces hardly recur. */
const LONGEST_REMEMBERED = 128;

/**
 * What a tokenizer.json describes: added tokens are found, the text between them is normalized, cut into pieces, and
 * each piece becomes ids; back again through the decoder. Equal to huggingface/tokenizers 0.23, but that its tables of
 * Unicode are older: a combining mark newer than they are is stripped here and kept there. `truncation` and `padding`
 * are not read: a text has all its tokens.
 *
 * The library @huggingface/tokenizers gives the translation of its expressions to JavaScript; the stages are written
 * here, because its own differ from Python's (each file says in what) and it cannot leave special tokens unread.
 */
export class TokenizerPipeline {
  /** The largest id + 1, added tokens included. */
  readonly vocabularySize: number;
  readonly added: readonly AddedToken[];
  private readonly ids = new Map<string, number>();
  private readonly tokens: (string | undefined)[] = [];
  private readonly rawFinder: AddedTokenFinder;
  private readonly normalizedFinder: AddedTokenFinder;
  private readonly normalize: Normalizer;
  private readonly preTokenizer: PreTokenizer;
  private readonly model: PieceModel;
  private readonly join: (tokens: readonly string[]) => string;
  private readonly cutsAtMarks: boolean;
  private readonly remembered = new Map<string, number[]>();

  /**
   * @param json a parsed tokenizer.json
   * @param file what to call it in errors
   * @throws CheckpointError naming the field that is missing, broken or not supported
   */
  constructor(json: unknown, file: string) {
    const root = new TokenizerField(file, "", json);
    const model = root.child("model");
    this.model = readModel(model);
    const added = root.child("added_tokens");
    this.added = added.missing ? [] : added.items().map(readAddedToken);
    this.normalize = readNormalizer(root.child("normalizer"));
    this.preTokenizer = readPreTokenizer(root.child("pre_tokenizer"));
    this.join = readDecoder(root.child("decoder"));

    for (const [token, id] of this.model.vocabulary) {
      this.ids.set(token, id);
      this.tokens[id] = token;
    }
    for (const { content, id } of this.added) {
      this.ids.set(content, id);
      this.tokens[id] = content;
    }
    this.vocabularySize = this.tokens.length;

    const late = this.added.filter((token) => token.normalized);
    const early = this.added.filter((token) => !token.normalized);
    this.rawFinder = new AddedTokenFinder(early.map((token) => ({ text: token.content, token })));
    this.normalizedFinder = new AddedTokenFinder(late.map((token) => ({ text: this.normalize(token.content), token })));
    this.cutsAtMarks = marksBeginPieces(model, this.model.vocabulary);
  }

  /**
   * @param options.accepts whether a special token written at a place of the text is that token (else it is text);
   *   added tokens that are not special are always themselves
   * @throws DataError when the text cannot be written in this vocabulary
   */
  encode(text: string, options: { accepts: (begin: number, end: number) => boolean }): number[] {
    const ids: number[] = [];
    const isToken = (token: AddedToken, begin: number, end: number): boolean =>
      !token.special || options.accepts(begin, end);
    for (const section of this.rawFinder.split(text, isToken)) {
      if (section.token !== null) {
        ids.push(section.token.id);
        continue;
      }
      // Places inside normalized text are no longer the text's own, so a token there is judged by its whole section.
      const inside = (token: AddedToken): boolean =>
        !token.special || options.accepts(section.at, section.at + section.text.length);
      for (const part of this.normalizedFinder.split(this.normalize(section.text), inside)) {
        if (part.token !== null) ids.push(part.token.id);
        else this.encodePieces(part.text, section.at + part.at === 0, ids);
      }
    }
    return ids;
  }

  private encodePieces(text: string, atStart: boolean, ids: number[]): void {
    for (const piece of this.preTokenizer.split(text, atStart)) {
      if (!this.cutsAtMarks) this.encodePiece(piece, ids);
      else for (const word of piece.match(/▁*[^▁]+|▁+/g) ?? []) this.encodePiece(word, ids);
    }
  }

  private encodePiece(piece: string, ids: number[]): void {
    let own = this.remembered.get(piece);
    if (own === undefined) {
      own = this.model.encode(this.preTokenizer.spell(piece));
      if (piece.length <= LONGEST_REMEMBERED) {
        if (this.remembered.size >= REMEMBERED_PIECES) this.remembered.clear();
        this.remembered.set(piece, own);
      }
    }
    for (const id of own) ids.push(id);
  }

  /** @throws DataError when an id is outside the vocabulary */
  decode(ids: ArrayLike<number>): string {
    return this.join(Array.from(ids, (id) => this.token(id)));
  }

  /** @throws DataError when the id is outside the vocabulary */
  token(id: number): string {
    const token = this.tokens[id];
    if (token !== undefined) return token;
    throw new DataError(
      `decode: expected an id of the vocabulary, 0 to ${this.vocabularySize - 1}, got ${id}; ` +
        "was it made with another tokenizer?",
    );
  }

  idOf(token: string): number | null {
    return this.ids.get(token) ?? null;
  }
}

/**
 * Whether a BPE's text may be cut before every run of `▁`, which tokenizers of SentencePiece's kind leave in one piece
 * of unbounded length: true when no merge joins a token not ending in `▁` to one beginning with it, and no piece as a
 * whole is looked up. The ids are the same; the words can be remembered.
 */
function marksBeginPieces(model: TokenizerField, vocabulary: ReadonlyMap<string, number>): boolean {
  const merges = model.child("merges").value;
  if (!Array.isArray(merges) || model.child("ignore_merges").value === true || !vocabulary.has("▁")) return false;
  return merges.every((merge) => {
    const [left, right] = typeof merge === "string" ? merge.split(" ") : merge;
    return !right.startsWith("▁") || left.endsWith("▁");
  });
}
