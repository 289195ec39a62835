import { CachedTape, RowCache } from "../engine/cached-tape.ts";
import type { DeviceBuffer } from "../engine/device.ts";
import { segmentColumns } from "../engine/ops/attention.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import type { Policy } from "../model/policy.ts";

/** Rows of the cache in a line, which follow those of another range: what several ranges follow is held once. */
export interface CachedRange {
  start: number;
  length: number;
  /** What the first row follows; null: nothing. */
  parent: CachedRange | null;
}

/** Tokens that go behind those of a range. */
export interface FedRun {
  own: CachedRange;
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
   * @param runs at least one token each, each run's cache rows behind its own range free; one may follow a run before it
   * @returns hidden rows in the order of the runs and their tokens, f32 [T, D], and how each mixture layer routed them
   */
  feed(runs: readonly FedRun[]): { hidden: DeviceBuffer; routings: Routing[] } {
    const { policy, tape } = this;
    const { pieceScope } = policy;
    const count = runs.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const tokens = new Int32Array(count);
    const positions = new Int32Array(count);
    const slots = new Int32Array(count);
    const table: number[] = [];
    const placed = new Map<CachedRange, { place: number; chain: number }>();
    const addSegment = (range: CachedRange, query: number, queries: number): { place: number; chain: number } => {
      const parent = range.parent ? placeOf(range.parent) : null;
      const at = { place: table.length / segmentColumns, chain: (parent?.chain ?? 0) + range.length + queries };
      table.push(query, queries, range.start, range.length, parent?.place ?? -1, 1);
      placed.set(range, at);
      return at;
    };
    // Ancestors have no queries of their own, unless they are fed in this very pass.
    const placeOf = (range: CachedRange) => placed.get(range) ?? addSegment(range, 0, 0);
    let row = 0;
    let maxKeys = 0;
    for (const { own, tokens: fed } of runs) {
      const { chain } = addSegment(own, row, fed.length);
      for (let i = 0; i < fed.length; i++, row++) {
        tokens[row] = fed[i];
        positions[row] = chain - fed.length + i;
        slots[row] = own.start + own.length + i;
      }
      own.length += fed.length;
      maxKeys = Math.max(maxKeys, chain);
    }
    tape.begin(slots);
    const { hidden, routings } = policy.decoder.forward(tape, policy.weights, {
      tokens: pieceScope.upload("i32", tokens),
      positions: pieceScope.upload("i32", positions),
      segments: {
        buffer: pieceScope.upload("i32", Int32Array.from(table)),
        count: table.length / segmentColumns,
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
