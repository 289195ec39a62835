import {
  type BertScore,
  bertScore,
  type EmbeddedText,
  inverseDocumentFrequency,
  toUnitRows,
} from "../reward/bert-score.ts";
import type { TextEmbedder } from "./text-embedder.ts";

/** Two texts, the second of which is the measure. */
export interface TextPair {
  candidate: string;
  reference: string;
}

/** How texts are compared. */
export interface TextSimilarityOptions {
  /** Texts whose tokens weigh the more the fewer of them have them; left out: all tokens but the framing weigh the same. */
  idfOver?: readonly string[];
  /** Bytes of embeddings of references that are kept for the next time; default 64 MiB. */
  cacheBytes?: number;
}

/** Pairs that are embedded together: enough to fill a pass, few enough that their embeddings take little memory. */
export const CHUNK_PAIRS = 16;

/** Bytes of references' embeddings that are kept. */
export const DEFAULT_CACHE_BYTES = 64 * 2 ** 20;

/**
 * BERTScore of pairs of texts by one embedder. References come again and again, one for all attempts at a problem, so
 * those used last are kept; candidates do not. Calls wait for each other: they share the embedder's memory.
 */
export class TextSimilarity {
  private readonly embedder: TextEmbedder;
  private readonly weightOf: (token: number) => number;
  private readonly references: RecentTexts;
  private turn: Promise<unknown> = Promise.resolve();

  /** @param embedder closed with this */
  constructor(embedder: TextEmbedder, { idfOver, cacheBytes = DEFAULT_CACHE_BYTES }: TextSimilarityOptions = {}) {
    this.embedder = embedder;
    this.references = new RecentTexts(cacheBytes);
    this.weightOf = idfOver
      ? inverseDocumentFrequency(idfOver.map((text) => embedder.tokenize(text)))
      : (token) => (embedder.framing.has(token) ? 0 : 1);
  }

  /** The score of each pair, in order. */
  score(pairs: readonly TextPair[]): Promise<BertScore[]> {
    const scores = this.turn.then(() => this.scoreAll(pairs));
    this.turn = scores.catch(() => {});
    return scores;
  }

  close(): void {
    this.embedder.close();
  }

  private async scoreAll(pairs: readonly TextPair[]): Promise<BertScore[]> {
    const scores: BertScore[] = [];
    for (let begin = 0; begin < pairs.length; begin += CHUNK_PAIRS) {
      const some = pairs.slice(begin, begin + CHUNK_PAIRS);
      const found = await this.embed(some);
      for (const { candidate, reference } of some)
        scores.push(bertScore(found.get(candidate) as EmbeddedText, found.get(reference) as EmbeddedText));
      for (const { reference } of some) this.references.keep(reference, found.get(reference) as EmbeddedText);
      // Timers and messages of other threads get their turn: both halves of this loop hold the thread.
      await new Promise(setImmediate);
    }
    return scores;
  }

  /** Every text of some pairs, embedded. */
  private async embed(pairs: readonly TextPair[]): Promise<Map<string, EmbeddedText>> {
    const found = new Map<string, EmbeddedText>();
    const missing = new Map<string, number[]>();
    for (const { candidate, reference } of pairs)
      for (const text of [candidate, reference]) {
        const known = this.references.find(text);
        if (known) found.set(text, known);
        else if (!missing.has(text)) missing.set(text, this.embedder.tokenize(text));
      }
    const rows = await this.embedder.hiddenRows([...missing.values()]);
    let next = 0;
    for (const [text, ids] of missing) {
      const vectors = rows[next++];
      const weights = Float64Array.from(ids, this.weightOf);
      found.set(text, { vectors: toUnitRows(vectors, vectors.length / ids.length), weights });
    }
    return found;
  }
}

/** Embedded texts up to a number of bytes; those used longest ago go first. */
class RecentTexts {
  private readonly texts = new Map<string, EmbeddedText>();
  private bytes = 0;

  constructor(private readonly mostBytes: number) {}

  find(text: string): EmbeddedText | undefined {
    return this.texts.get(text);
  }

  keep(text: string, embedded: EmbeddedText): void {
    if (this.texts.delete(text)) this.bytes -= bytesOf(embedded);
    this.texts.set(text, embedded);
    this.bytes += bytesOf(embedded);
    for (const [oldest, old] of this.texts) {
      if (this.bytes <= this.mostBytes) break;
      this.texts.delete(oldest);
      this.bytes -= bytesOf(old);
    }
  }
}

const bytesOf = ({ vectors, weights }: EmbeddedText): number => vectors.byteLength + weights.byteLength;
