import type { Segment } from "../model/packed-batch.ts";

/**
 * Book-keeping of the rows of a rollout. Prompts come first; then, for each sampled token, one row per active attempt.
 * Attempts stay in place until `compact`, so an attempt's rows are a constant stride apart; compacting starts a new
 * segment for each attempt that goes on, whose parent is its last one.
 *
 * An attempt that has ended keeps its place, and its rows keep being computed, until then.
 */
export class RolloutRows {
  /** All segments begun so far: prompts, then those of each era. Lengths of the current era's grow. */
  readonly segments: Segment[] = [];
  /** Attempts that have a row in each piece, in order. */
  active: number[];
  /** rowOf[attempt][t]: the row that predicts the attempt's token t. */
  readonly rowOf: number[][];
  private readonly segmentOf: number[];
  private eraPieces = 0;
  private rows: number;

  /**
   * @param promptLengths tokens of each prompt
   * @param group attempts per prompt; attempt a is at prompt floor(a / group)
   */
  constructor(promptLengths: readonly number[], group: number) {
    this.rows = 0;
    for (const length of promptLengths) {
      this.segments.push({ start: this.rows, length, stride: 1, parent: -1 });
      this.rows += length;
    }
    const attempts = promptLengths.length * group;
    this.active = Array.from({ length: attempts }, (_, a) => a);
    this.segmentOf = this.active.map((a) => Math.floor(a / group));
    this.rowOf = this.active.map((a) => {
      const { start, length } = this.segments[this.segmentOf[a]];
      return [start + length - 1];
    });
  }

  /** Adds one row for each active attempt; returns the first. */
  addPiece(): number {
    const count = this.active.length;
    const first = this.rows;
    if (this.eraPieces === 0) {
      this.active.forEach((attempt, place) => {
        const parent = this.segmentOf[attempt];
        this.segmentOf[attempt] = this.segments.length;
        this.segments.push({ start: first + place, length: 0, stride: count, parent });
      });
    }
    this.active.forEach((attempt, place) => {
      this.segments[this.segmentOf[attempt]].length++;
      this.rowOf[attempt].push(first + place);
    });
    this.eraPieces++;
    this.rows += count;
    return first;
  }

  /** Drops attempts that have ended; the others begin new segments with the next piece. */
  compact(goesOn: (attempt: number) => boolean): void {
    this.active = this.active.filter(goesOn);
    this.eraPieces = 0;
  }

  /**
   * The table under which the rows of the newest piece attend: a query of one row (counted within the piece) for each
   * active attempt, after the segments it descends from, which have no queries. Keys are counted over all pieces.
   */
  pieceSegments(): { table: number[]; maxKeys: number } {
    const table: number[] = [];
    const placed = new Map<number, number>();
    const chain = new Map<number, number>();
    const place = (index: number): number => {
      const known = placed.get(index);
      if (known !== undefined) return known;
      const { start, length, stride, parent } = this.segments[index];
      const parentPlace = parent < 0 ? -1 : place(parent);
      const at = table.length / 6;
      table.push(0, 0, start, length, parentPlace, stride);
      placed.set(index, at);
      chain.set(index, length + (parent < 0 ? 0 : (chain.get(parent) ?? 0)));
      return at;
    };
    let maxKeys = 0;
    const queries: number[] = [];
    this.active.forEach((attempt, at) => {
      const index = this.segmentOf[attempt];
      const { start, length, stride, parent } = this.segments[index];
      const parentPlace = parent < 0 ? -1 : place(parent);
      queries.push(at, 1, start, length - 1, parentPlace, stride);
      maxKeys = Math.max(maxKeys, length + (parent < 0 ? 0 : (chain.get(parent) ?? 0)));
    });
    return { table: table.concat(queries), maxKeys };
  }

  /** Rows so far. */
  get count(): number {
    return this.rows;
  }
}
