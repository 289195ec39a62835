import { segmentColumns } from "../engine/ops/attention.ts";
import type { Segment } from "../model/packed-batch.ts";

const keysBeforeColumn = 3;

interface EraTable {
  table: Int32Array;
  /** Where each active attempt's query stands in the table, and how many keys its ancestors have. */
  queries: { at: number; ancestors: number }[];
}

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
  private eraTable: EraTable | null = null;
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
    this.eraTable = null;
  }

  /**
   * The table under which the rows of the newest piece attend: a query of one row (counted within the piece) for each
   * active attempt, after the segments it descends from, which have no queries. Keys are counted over all pieces.
   *
   * Within an era only the queries' own keys grow, so the table is made once an era and then counted up; it is valid
   * until the next call.
   */
  pieceSegments(): { table: Int32Array; maxKeys: number } {
    const { table, queries } = (this.eraTable ??= this.makeEraTable());
    let maxKeys = 0;
    for (let i = 0; i < queries.length; i++) {
      const keysBefore = this.eraPieces - 1;
      table[queries[i].at + keysBeforeColumn] = keysBefore;
      maxKeys = Math.max(maxKeys, queries[i].ancestors + keysBefore + 1);
    }
    return { table, maxKeys };
  }

  /** Rows of the table for every active attempt and what it descends from; ancestors come first. */
  private makeEraTable(): EraTable {
    const columns: number[] = [];
    const placeOf = new Map<number, number>();
    const chainOf = new Map<number, number>();
    const place = (index: number): void => {
      if (index < 0 || placeOf.has(index)) return;
      const { start, length, stride, parent } = this.segments[index];
      place(parent);
      placeOf.set(index, columns.length / segmentColumns);
      chainOf.set(index, length + (chainOf.get(parent) ?? 0));
      columns.push(0, 0, start, length, placeOf.get(parent) ?? -1, stride);
    };
    for (const attempt of this.active) place(this.segments[this.segmentOf[attempt]].parent);
    const queries = this.active.map((attempt, row) => {
      const { start, stride, parent } = this.segments[this.segmentOf[attempt]];
      const at = columns.length;
      columns.push(row, 1, start, 0, placeOf.get(parent) ?? -1, stride);
      return { at, ancestors: chainOf.get(parent) ?? 0 };
    });
    return { table: Int32Array.from(columns), queries };
  }

  /** Rows so far. */
  get count(): number {
    return this.rows;
  }
}
