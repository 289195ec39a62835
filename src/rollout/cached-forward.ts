import { CachedTape, RowCache } from "../engine/cached-tape.ts";
import type { DeviceBuffer } from "../engine/device.ts";
import { segmentColumns } from "../engine/ops/attention.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import type { Policy } from "../model/policy.ts";

/** Rows of the cache in a line. */
export interface CachedRange {
  start: number;
  length: number;
}

/** Tokens that follow those of a range, and of the range that one follows. */
export interface FedRun {
  /** The run's own rows so far; its tokens go behind them. */
  own: CachedRange;
  /** What the whole run follows (a prompt that others share); null: nothing. */
  parent: CachedRange | null;
  tokens: ArrayLike<number>;
}

/** Forward passes over rows whose predecessors' keys and values are in a cache. */
export class CachedForward {
  private readonly policy: Policy;
  private readonly cache: RowCache;
  private readonly tape: CachedTape;

  /** @param rows of the cache */
  constructor(policy: Policy, rows: number) {
    this.policy = policy;
    this.cache = new RowCache(policy.device, rows);
    this.tape = new CachedTape(policy.pieceScope, this.cache);
  }

  /**
   * Feeds runs, whose own ranges grow by what was fed. Valid until the next call.
   *
   * @param runs at least one token each, each run's cache rows behind its own range free
   * @returns hidden rows in the order of the runs and their tokens, f32 [T, D], and how each mixture layer routed them
   */
  feed(runs: readonly FedRun[]): { hidden: DeviceBuffer; routings: Routing[] } {
    const { policy, tape } = this;
    const { pieceScope } = policy;
    const count = runs.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const tokens = new Int32Array(count);
    const positions = new Int32Array(count);
    const slots = new Int32Array(count);
    // Each run takes a row of the table, and at most one more for what it follows.
    const table = new Int32Array(2 * runs.length * segmentColumns);
    let places = 0;
    const addSegment = (query: number, queries: number, key: number, keys: number, parent: number): number => {
      const at = places * segmentColumns;
      table[at] = query;
      table[at + 1] = queries;
      table[at + 2] = key;
      table[at + 3] = keys;
      table[at + 4] = parent;
      table[at + 5] = 1;
      return places++;
    };
    const placeOf = new Map<CachedRange, number>();
    let row = 0;
    let maxKeys = 0;
    for (const { own, parent, tokens: fed } of runs) {
      const ancestors = parent?.length ?? 0;
      let place = parent ? placeOf.get(parent) : -1;
      if (parent && place === undefined) {
        place = addSegment(0, 0, parent.start, parent.length, -1);
        placeOf.set(parent, place);
      }
      addSegment(row, fed.length, own.start, own.length, place as number);
      for (let i = 0; i < fed.length; i++, row++) {
        tokens[row] = fed[i];
        positions[row] = ancestors + own.length + i;
        slots[row] = own.start + own.length + i;
      }
      own.length += fed.length;
      maxKeys = Math.max(maxKeys, ancestors + own.length);
    }
    tape.begin(slots);
    const { hidden, routings } = policy.decoder.forward(tape, policy.weights, {
      tokens: pieceScope.upload("i32", tokens),
      positions: pieceScope.upload("i32", positions),
      segments: {
        buffer: pieceScope.upload("i32", table.subarray(0, places * segmentColumns)),
        count: places,
        maxKeys,
      },
    });
    return { hidden: hidden.buffer, routings };
  }

  /** Gives the cache back. */
  close(): void {
    this.policy.pieceScope.end();
    this.cache.close();
  }
}
