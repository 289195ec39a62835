import { uniformAt } from "../base/rng.ts";
import type { DeviceBuffer } from "../engine/device.ts";
import { segmentColumns } from "../engine/ops/attention.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import { PiecewiseTape } from "../engine/piecewise.ts";
import type { Tape } from "../engine/tape.ts";
import type { DecoderRows } from "../model/decoder.ts";
import { ExpertCounter } from "../model/expert-use.ts";
import { uploadRows } from "../model/packed-batch.ts";
import type { KnownLogps, Policy } from "../model/policy.ts";
import { type Completion, Ending, type EndingOptions } from "./completion.ts";
import { RolloutRows } from "./rows.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";
import { Sampler } from "./sampler.ts";
import { type DrawnExperts, gatherExperts, readExperts } from "./token-trace.ts";

/** How far a rollout is. */
export interface RolloutProgress {
  /** Attempts that have ended. */
  attempts: number;
  /** Completion tokens so far. */
  tokens: number;
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
export interface GenerationOptions extends EndingOptions {
  group: number;
  seed: number;
  streams: ArrayLike<number>;
  /** Whether expert ids stay with each attempt. */
  keepExperts: boolean;
  onProgress(progress: RolloutProgress): void;
}

/** When this share of the rows of a piece or less belongs to attempts that go on, the others are dropped. */
const compactBelow = 0.85;

/**
 * Sampling of attempts all at once that keeps every activation for `adopt`: `promptPiece`, then by turns `draw` and `tokenPiece`, until no attempt goes on. Attempt a is at
 * prompt floor(a / group).
 */
export class Generation {
  /** Expert slots of every row that was fed, those of attempts that had ended but still held their place included. */
  readonly experts = new ExpertCounter();
  /** Forward passes. */
  passes = 0;
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
  private readonly completions: Completion[];
  /** By step, where they are kept: attempts that go on draw in every step. */
  private readonly drawnExperts: { first: number; experts: DrawnExperts }[] = [];
  /** f32, by record: records follow each other piece by piece, a row of a piece after the other. */
  private readonly logps: DeviceBuffer;
  private readonly entropies: DeviceBuffer;
  private recorded = 0;
  private tokenCount = 0;
  private endedCount = 0;
  /** The record of attempt a's token t is at a · maxNewTokens + t. */
  private readonly recordOf: Int32Array;
  private routings: Routing[] = [];

  constructor(policy: Policy, prompts: readonly (readonly number[])[], options: GenerationOptions) {
    const { group, maxNewTokens } = options;
    const attempts = prompts.length * group;
    const promptRows = prompts.reduce((sum, { length }) => sum + length, 0);
    const capacity = promptRows + attempts * (maxNewTokens - 1);
    this.policy = policy;
    this.prompts = prompts;
    this.options = options;
    this.tape = new PiecewiseTape(
      { step: policy.stepScope, piece: policy.pieceScope },
      // Beside frozen weights little of the rest is needed again, as in `trainingTape`.
      { capacity, activations: policy.adapter ? "costly" : "all" },
    );
    const ending = new Ending(options);
    this.sampler = new Sampler(policy, options, ending.barredIds);
    this.logps = policy.stepScope.temporary("f32", attempts * maxNewTokens);
    this.entropies = policy.stepScope.temporary("f32", attempts * maxNewTokens);
    this.rows = new RolloutRows(
      prompts.map(({ length }) => length),
      group,
    );
    this.fedTokens = new Int32Array(capacity);
    this.fedPositions = new Int32Array(capacity);
    this.completions = Array.from({ length: attempts }, () => ending.begin());
    this.recordOf = new Int32Array(attempts * maxNewTokens);
  }

  /** Rows that went through the model. */
  get rowCount(): number {
    return this.tape.filled;
  }

  /** Rows whose logits were computed. */
  get headRows(): number {
    return this.recorded;
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
    const rows = this.completions.length;
    const out = pieceScope.temporary("f32", rows * width);
    const last = Int32Array.from(this.rows.rowOf, ([row]) => row);
    device.enqueue("gatherRows", { x: hidden, index: pieceScope.upload("i32", last), out, rows, width });
    return out;
  }

  /** Feeds the tokens just drawn, one row for each active attempt; one that has ended is fed on until it is dropped. */
  tokenPiece(step: number): DeviceBuffer {
    const { pieceScope } = this.policy;
    const { group } = this.options;
    this.rows.addPiece();
    const begin = this.fed;
    for (const attempt of this.rows.active) {
      const { tokens } = this.completions[attempt];
      this.fedTokens[this.fed] = tokens[step - 1] ?? tokens.at(-1);
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
    const { group, seed, streams, maxNewTokens, keepExperts } = this.options;
    const { device, config } = this.policy;
    const { active } = this.rows;
    const count = active.length;
    const uniforms = new Float32Array(count);
    for (let row = 0; row < count; row++)
      uniforms[row] = uniformAt(seed, streams[Math.floor(active[row] / group)], active[row] % group, step);
    const request = {
      uniforms,
      tooShort: (row: number) => this.completions[active[row]].tooShortAfter(0),
      context: (row: number) => [this.prompts[Math.floor(active[row] / group)], this.completions[active[row]].tokens],
    };
    const firstRecord = this.recorded;
    this.recorded += count;
    const ids = await this.sampler.draw(hidden, request, {
      logps: device.view(this.logps, firstRecord, count),
      entropies: device.view(this.entropies, firstRecord, count),
    });
    if (keepExperts) {
      const drawnFrom = step === 0 ? this.rows.rowOf.map(([row]) => row) : active.keys();
      const rows = Int32Array.from(drawnFrom);
      const experts = await readExperts(device, this.routings, rows, config);
      this.drawnExperts.push({ first: firstRecord, experts });
    }
    await this.experts.add(device, this.routings);
    let going = 0;
    for (let row = 0; row < count; row++) {
      const attempt = active[row];
      const completion = this.completions[attempt];
      if (completion.stop !== null) continue;
      completion.add(ids[row]);
      this.recordOf[attempt * maxNewTokens + step] = firstRecord + row;
      this.tokenCount++;
      if (completion.stop === null) going++;
      else this.endedCount++;
    }
    this.options.onProgress({ attempts: this.endedCount, tokens: this.tokenCount });
    if (going > 0 && going <= compactBelow * count)
      this.rows.compact((attempt) => this.completions[attempt].stop === null);
    return going > 0;
  }

  /** Every attempt with what was recorded of it, by number. */
  async attempts(): Promise<SampledAttempt[]> {
    const { device } = this.policy;
    const logps = await device.read(device.view(this.logps, 0, this.recorded));
    const entropies = await device.read(device.view(this.entropies, 0, this.recorded));
    return this.completions.map(({ tokens, stop }, attempt) => {
      const records = this.recordsOf(attempt);
      return {
        tokens,
        logps: select(logps, records),
        entropies: select(entropies, records),
        stop: stop ?? "length",
        expertIds: this.expertsOf(records),
      };
    });
  }

  /** See `Rollout.adopt`. */
  adopt(attempts: readonly number[]): RolloutForward {
    const { device, stepScope, config } = this.policy;
    const entries = attempts.reduce((sum, attempt) => sum + this.completions[attempt].tokens.length, 0);
    const records = new Int32Array(entries);
    const trainedRows = new Int32Array(entries);
    const targets = new Int32Array(entries);
    let filled = 0;
    for (const attempt of attempts) {
      const { tokens } = this.completions[attempt];
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
      known: { logps: inOrder(this.logps), entropies: inOrder(this.entropies) },
      rowCount: this.rowCount,
    };
  }

  private forward(rows: DecoderRows): DeviceBuffer {
    this.passes++;
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

  private expertsOf(records: Int32Array): Uint8Array | Uint16Array | null {
    const drawn = this.drawnExperts.slice(0, records.length);
    return gatherExperts(
      drawn.map(({ experts }) => experts),
      drawn.map(({ first }, t) => records[t] - first),
    );
  }

  private recordsOf(attempt: number): Int32Array {
    const begin = attempt * this.options.maxNewTokens;
    return this.recordOf.subarray(begin, begin + this.completions[attempt].tokens.length);
  }
}

/** values[index[i]] for each i, in the array type of `values`. */
function select(values: ArrayLike<number>, index: Int32Array): Float32Array | Float64Array {
  const out = values instanceof Float64Array ? new Float64Array(index.length) : new Float32Array(index.length);
  for (let i = 0; i < index.length; i++) out[i] = values[index[i]];
  return out;
}
