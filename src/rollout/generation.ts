import { uniformAt } from "../base/rng.ts";
import type { DeviceBuffer } from "../engine/device.ts";
import { segmentColumns } from "../engine/ops/attention.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import { type Keeping, PiecewiseTape } from "../engine/piecewise.ts";
import type { Tape } from "../engine/tape.ts";
import type { DecoderRows } from "../model/decoder.ts";
import { ExpertCounter } from "../model/expert-use.ts";
import { uploadRows } from "../model/packed-batch.ts";
import type { KnownLogps, Policy } from "../model/policy.ts";
import type { StopReason } from "../records/attempt.ts";
import { RolloutRows } from "./rows.ts";
import { Sampler } from "./sampler.ts";
import type { SamplingOptions } from "./sampling.ts";

/** One completion as sampled: ids, and the distribution they were drawn from. */
export interface SampledAttempt {
  tokens: number[];
  /** Log-probability of each token under the full distribution at the recording temperature. */
  logps: Float32Array | Float64Array;
  /** Entropy of that distribution, nats. */
  entropies: Float32Array | Float64Array;
  stop: StopReason;
}

/** The forward pass that sampling was, ready to be back-propagated: rows, trained entries and their known values. */
export interface RolloutForward {
  tape: Tape;
  rows: DecoderRows;
  /** By attempt in the order given, then token. */
  trainedRows: Int32Array;
  targets: Int32Array;
  known: KnownLogps;
  rowCount: number;
}

/** What a generation is told. */
export interface GenerationOptions extends Required<SamplingOptions> {
  group: number;
  eosId: number;
  seed: number;
  streams: ArrayLike<number>;
  keeping: Keeping;
}

/** When this share of the rows of a piece or less belongs to attempts that go on, the others are dropped. */
const compactBelow = 0.85;

/**
 * Sampling under way: `promptPiece`, then by turns `draw` and `tokenPiece`, until no attempt goes on. Attempt a is at
 * prompt floor(a / group).
 */
export class Generation {
  /** Expert slots of every row that was fed, those of attempts that had ended but still held their place included. */
  readonly experts = new ExpertCounter();
  private readonly policy: Policy;
  private readonly prompts: readonly (readonly number[])[];
  private readonly options: GenerationOptions;
  private readonly tape: PiecewiseTape;
  private readonly sampler: Sampler;
  private readonly rows: RolloutRows;
  /** Ids and positions of all rows, in order; the first `fed` are set. */
  private readonly fedTokens: Int32Array;
  private readonly fedPositions: Int32Array;
  private fed = 0;
  private readonly tokens: number[][];
  /** The record of attempt a's token t is at a · maxNewTokens + t. */
  private readonly recordOf: Int32Array;
  private readonly stops: (StopReason | null)[];
  private routings: Routing[] = [];

  constructor(policy: Policy, prompts: readonly (readonly number[])[], options: GenerationOptions) {
    const { group, maxNewTokens, keeping } = options;
    const attempts = prompts.length * group;
    const promptRows = prompts.reduce((sum, { length }) => sum + length, 0);
    const capacity = promptRows + attempts * (maxNewTokens - 1);
    this.policy = policy;
    this.prompts = prompts;
    this.options = options;
    this.tape = new PiecewiseTape({ step: policy.stepScope, piece: policy.pieceScope }, { capacity, keeping });
    this.sampler = new Sampler(policy, options, attempts * maxNewTokens);
    this.rows = new RolloutRows(
      prompts.map(({ length }) => length),
      group,
    );
    this.fedTokens = new Int32Array(capacity);
    this.fedPositions = new Int32Array(capacity);
    this.tokens = Array.from({ length: attempts }, () => []);
    this.recordOf = new Int32Array(attempts * maxNewTokens);
    this.stops = new Array(attempts).fill(null);
  }

  /** Rows that went through the model. */
  get rowCount(): number {
    return this.tape.filled;
  }

  /** Feeds the prompts; their last rows, once for every attempt, are what it starts from. */
  promptPiece(): DeviceBuffer {
    const { device, pieceScope, config } = this.policy;
    for (const prompt of this.prompts)
      for (let i = 0; i < prompt.length; i++) {
        this.fedTokens[this.fed] = prompt[i];
        this.fedPositions[this.fed++] = i;
      }
    this.tape.beginPiece(this.fed);
    const hidden = this.forward(uploadRows(pieceScope, this.fedRows(), config));
    const { width } = config;
    const rows = this.tokens.length;
    const out = pieceScope.temporary("f32", rows * width);
    const last = Int32Array.from(this.rows.rowOf, ([row]) => row);
    device.enqueue("gatherRows", { x: hidden, index: pieceScope.upload("i32", last), out, rows, width });
    return out;
  }

  /** Feeds the tokens just drawn, one row for each active attempt; one that has ended is fed on until it is dropped. */
  tokenPiece(step: number): DeviceBuffer {
    const { pieceScope } = this.policy;
    const { group, eosId } = this.options;
    this.rows.addPiece();
    const begin = this.fed;
    for (const attempt of this.rows.active) {
      this.fedTokens[this.fed] = this.tokens[attempt][step - 1] ?? eosId;
      this.fedPositions[this.fed++] = this.prompts[Math.floor(attempt / group)].length + step - 1;
    }
    this.tape.beginPiece(this.fed - begin);
    const { table, maxKeys } = this.rows.pieceSegments();
    return this.forward({
      tokens: pieceScope.upload("i32", this.fedTokens.subarray(begin, this.fed)),
      positions: pieceScope.upload("i32", this.fedPositions.subarray(begin, this.fed)),
      segments: { buffer: pieceScope.upload("i32", table), count: table.length / segmentColumns, maxKeys },
    });
  }

  /** Draws every active attempt's next token from the rows of the piece just fed; false when none goes on. */
  async draw(hidden: DeviceBuffer, step: number): Promise<boolean> {
    const { group, seed, streams, eosId, ignoreEos, maxNewTokens } = this.options;
    const { active } = this.rows;
    const uniforms = new Float32Array(active.length);
    for (let row = 0; row < active.length; row++)
      uniforms[row] = uniformAt(seed, streams[Math.floor(active[row] / group)], active[row] % group, step);
    const firstRecord = this.sampler.recorded;
    const ids = await this.sampler.draw(hidden, uniforms);
    await this.experts.add(this.policy.device, this.routings);
    let going = 0;
    for (let row = 0; row < active.length; row++) {
      const attempt = active[row];
      if (this.stops[attempt] !== null) continue;
      this.tokens[attempt].push(ids[row]);
      this.recordOf[attempt * maxNewTokens + step] = firstRecord + row;
      if (ids[row] === eosId && !ignoreEos) this.stops[attempt] = "eos";
      else going++;
    }
    if (going > 0 && going <= compactBelow * active.length)
      this.rows.compact((attempt) => this.stops[attempt] === null);
    return going > 0;
  }

  /** Every attempt with what was recorded of it, by number. */
  async attempts(): Promise<SampledAttempt[]> {
    const { device } = this.policy;
    const { recorded } = this.sampler;
    const logps = await device.read(device.view(this.sampler.logps, 0, recorded));
    const entropies = await device.read(device.view(this.sampler.entropies, 0, recorded));
    return this.tokens.map((tokens, attempt) => {
      const records = this.recordsOf(attempt);
      const stop = this.stops[attempt] ?? "length";
      return { tokens, logps: select(logps, records), entropies: select(entropies, records), stop };
    });
  }

  /** See `Rollout.adopt`. */
  adopt(attempts: readonly number[]): RolloutForward {
    const { device, stepScope, config } = this.policy;
    const entries = attempts.reduce((sum, attempt) => sum + this.tokens[attempt].length, 0);
    const records = new Int32Array(entries);
    const trainedRows = new Int32Array(entries);
    const targets = new Int32Array(entries);
    let filled = 0;
    for (const attempt of attempts) {
      const tokens = this.tokens[attempt];
      const rows = this.rows.rowOf[attempt];
      records.set(this.recordsOf(attempt), filled);
      for (let t = 0; t < tokens.length; t++, filled++) {
        trainedRows[filled] = rows[t];
        targets[filled] = tokens[t];
      }
    }
    const index = stepScope.upload("i32", records);
    const inOrder = (recorded: DeviceBuffer) => {
      const out = stepScope.temporary("f32", entries);
      device.enqueue("gatherRows", { x: recorded, index, out, rows: entries, width: 1 });
      return out;
    };
    return {
      tape: this.tape.adopt(),
      rows: uploadRows(stepScope, this.fedRows(), config),
      trainedRows,
      targets,
      known: { logps: inOrder(this.sampler.logps), entropies: inOrder(this.sampler.entropies) },
      rowCount: this.rowCount,
    };
  }

  private forward(rows: DecoderRows): DeviceBuffer {
    const { hidden, routings } = this.policy.decoder.forward(this.tape, this.policy.weights, rows);
    this.routings = routings;
    return hidden.buffer;
  }

  private fedRows() {
    return {
      tokens: this.fedTokens.subarray(0, this.fed),
      positions: this.fedPositions.subarray(0, this.fed),
      segments: this.rows.segments,
    };
  }

  private recordsOf(attempt: number): Int32Array {
    const begin = attempt * this.options.maxNewTokens;
    return this.recordOf.subarray(begin, begin + this.tokens[attempt].length);
  }
}

/** values[index[i]] for each i, in the array type of `values`. */
function select(values: ArrayLike<number>, index: Int32Array): Float32Array | Float64Array {
  const out = values instanceof Float64Array ? new Float64Array(index.length) : new Float32Array(index.length);
  for (let i = 0; i < index.length; i++) out[i] = values[index[i]];
  return out;
}
