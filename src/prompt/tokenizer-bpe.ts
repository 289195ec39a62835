import { fallbackToken } from "./tokenizer-bytes.ts";
import type { TokenizerField } from "./tokenizer-field.ts";
import { type PieceModel, readVocabulary } from "./tokenizer-vocabulary.ts";

const encoder = new TextEncoder();

/** Above this many symbols the pair of lowest rank is kept in a heap; below it, looking through all pairs is faster. */
const SCANNED_SYMBOLS = 48;

/**
 * Byte-pair encoding: a piece begins as its characters, and the neighbouring pair whose merge stands first in the list
 * is joined (of equal pairs the leftmost) until no pair has a merge. O(n log n) in a piece's length.
 *
 * A character outside the vocabulary becomes its bytes (`<0x0A>`, with `byte_fallback`), else the unknown token, of
 * which neighbours are one with `fuse_unk`; without an unknown token it is left out, as in Python (SmolLM2 has no token
 * for the byte 0x13, say). With `ignore_merges` a piece that is a token is that token.
 *
 * @see arXiv:1508.07909; huggingface/tokenizers `models/bpe`, whose dropout is not for encoding and is ignored
 */
export class BytePairModel implements PieceModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  private readonly unknown: number | null;
  private readonly fuseUnknown: boolean;
  private readonly byteIds: number[] | null;
  private readonly ignoreMerges: boolean;
  /** left · stride + right -> the pair's place in the list of merges. */
  private readonly ranks = new Map<number, number>();
  private readonly merged: Int32Array;
  private readonly stride: number;

  /** @param field the `model` of a tokenizer.json */
  constructor(field: TokenizerField) {
    this.vocabulary = readVocabulary(field.child("vocab"));
    for (const name of ["continuing_subword_prefix", "end_of_word_suffix"]) {
      const affix = field.child(name);
      if (!affix.missing && affix.value !== "") throw affix.refuse("none", "such vocabularies are not supported");
    }
    const unknown = field.child("unk_token");
    this.unknown = unknown.missing ? null : (this.vocabulary.get(unknown.string()) ?? null);
    this.fuseUnknown = field.child("fuse_unk").flag(false);
    this.ignoreMerges = field.child("ignore_merges").flag(false);
    this.byteIds = field.child("byte_fallback").flag(false) ? byteIds(this.vocabulary) : null;

    const merges = field.child("merges");
    const list = merges.value;
    if (!Array.isArray(list)) throw merges.refuse("a list");
    let largest = 0;
    for (const id of this.vocabulary.values()) largest = Math.max(largest, id);
    this.stride = largest + 1;
    this.merged = new Int32Array(list.length);
    for (let rank = 0; rank < list.length; rank++) {
      const [left, right] = pairOf(list[rank]) ?? [];
      const leftId = this.vocabulary.get(left ?? "");
      const rightId = this.vocabulary.get(right ?? "");
      const mergedId = this.vocabulary.get(`${left}${right}`);
      if (leftId === undefined || rightId === undefined || mergedId === undefined) {
        throw merges.items()[rank].refuse("two tokens of the vocabulary whose join is a token too");
      }
      this.merged[rank] = mergedId;
      this.ranks.set(leftId * this.stride + rightId, rank);
    }
  }

  encode(piece: string): number[] {
    const whole = this.ignoreMerges ? this.vocabulary.get(piece) : undefined;
    if (whole !== undefined) return [whole];
    const symbols = this.symbolsOf(piece);
    return symbols.length > SCANNED_SYMBOLS ? this.mergeWithHeap(symbols) : this.mergeByScan(symbols);
  }

  private symbolsOf(piece: string): number[] {
    const symbols: number[] = [];
    let afterUnknown = false;
    for (const character of piece) {
      const id = this.vocabulary.get(character);
      if (id !== undefined) {
        symbols.push(id);
        afterUnknown = false;
        continue;
      }
      const bytes = this.byteIds === null ? null : Array.from(encoder.encode(character), (byte) => this.byteIds![byte]);
      if (bytes?.every((id) => id >= 0)) {
        symbols.push(...bytes);
        afterUnknown = false;
      } else if (this.unknown !== null && !(afterUnknown && this.fuseUnknown)) {
        symbols.push(this.unknown);
        afterUnknown = true;
      }
    }
    return symbols;
  }

  private rankOf(left: number, right: number): number {
    return this.ranks.get(left * this.stride + right) ?? Number.POSITIVE_INFINITY;
  }

  private mergeByScan(ids: number[]): number[] {
    const ranks: number[] = [];
    for (let at = 0; at + 1 < ids.length; at++) ranks.push(this.rankOf(ids[at], ids[at + 1]));
    for (;;) {
      let best = -1;
      let lowest = Number.POSITIVE_INFINITY;
      for (let at = 0; at < ranks.length; at++) {
        if (ranks[at] < lowest) {
          lowest = ranks[at];
          best = at;
        }
      }
      if (best < 0) return ids;
      ids[best] = this.merged[lowest];
      ids.splice(best + 1, 1);
      ranks.splice(best, 1);
      if (best > 0) ranks[best - 1] = this.rankOf(ids[best - 1], ids[best]);
      if (best < ranks.length) ranks[best] = this.rankOf(ids[best], ids[best + 1]);
    }
  }

  private mergeWithHeap(ids: number[]): number[] {
    const count = ids.length;
    const next = Int32Array.from({ length: count }, (_, at) => at + 1);
    const previous = Int32Array.from({ length: count }, (_, at) => at - 1);
    const heap = new RankHeap(count);
    const offer = (at: number): void => {
      if (at < 0 || next[at] >= count) return;
      const rank = this.rankOf(ids[at], ids[next[at]]);
      if (rank !== Number.POSITIVE_INFINITY) heap.push(rank, at);
    };
    for (let at = 0; at + 1 < count; at++) offer(at);
    for (let entry = heap.pop(); entry !== null; entry = heap.pop()) {
      const { rank, at } = entry;
      // A merge since this entry was pushed has swallowed the symbol or changed its neighbour.
      if (ids[at] < 0 || next[at] >= count || this.rankOf(ids[at], ids[next[at]]) !== rank) continue;
      const swallowed = next[at];
      ids[at] = this.merged[rank];
      ids[swallowed] = -1;
      next[at] = next[swallowed];
      if (next[at] < count) previous[next[at]] = at;
      offer(previous[at]);
      offer(at);
    }
    return ids.filter((id) => id >= 0);
  }
}

function pairOf(merge: unknown): [string, string] | null {
  const pair = typeof merge === "string" ? merge.split(" ") : merge;
  return Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string")
    ? (pair as [string, string])
    : null;
}

function byteIds(vocabulary: ReadonlyMap<string, number>): number[] {
  return Array.from({ length: 256 }, (_, byte) => vocabulary.get(fallbackToken(byte)) ?? -1);
}

/** A binary heap of (rank, place), lowest rank first, then leftmost; both travel in one number. */
class RankHeap {
  private readonly keys: number[] = [];

  constructor(private readonly places: number) {}

  push(rank: number, at: number): void {
    const { keys } = this;
    const key = rank * this.places + at;
    let child = keys.push(key) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[child] = keys[parent];
      child = parent;
    }
    keys[child] = key;
  }

  pop(): { rank: number; at: number } | null {
    const { keys } = this;
    const key = keys[0];
    const last = keys.pop();
    if (last === undefined) return null;
    if (keys.length > 0) {
      let parent = 0;
      for (;;) {
        let child = 2 * parent + 1;
        if (child >= keys.length) break;
        if (child + 1 < keys.length && keys[child + 1] < keys[child]) child++;
        if (keys[child] >= last) break;
        keys[parent] = keys[child];
        parent = child;
      }
      keys[parent] = last;
    }
    return { rank: Math.floor(key / this.places), at: key % this.places };
  }
}
