import { uniformAt } from "../base/rng.ts";
import type { DeviceBuffer } from "../engine/device.ts";
import { segmentColumns } from "../engine/ops/attention.ts";
import { type Keeping, PiecewiseTape } from "../engine/piecewise.ts";
import type { Tape } from "../engine/tape.ts";
import type { DecoderRows } from "../model/decoder.ts";
import { uploadRows } from "../model/packed-batch.ts";
import type { KnownLogps, Policy } from "../model/policy.ts";
import type { StopReason } from "../records/attempt.ts";
import { RolloutRows } from "./rows.ts";
import { recordingTemperature, type SamplingOptions } from "./sampling.ts";

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

export interface Rollout {
  /** attempts[p][g]: attempt g at prompt p. */
  attempts: SampledAttempt[][];
  /** Rows that went through the model. */
  rowCount: number;
  /** Completion tokens sampled. */
  tokenCount: number;
  /** Whether activations were kept, so that `adopt` is possible. */
  keptAll: boolean;
  /**
   * The forward pass of this rollout, adopted, with the entries of the given attempts (prompt p's attempt g is number
   * p · group + g); only with keeping `all`, once, before the policy changes or its step scope ends.
   */
  adopt(attempts: readonly number[]): RolloutForward;
}

/** When this share of the rows of a piece or less belongs to attempts that go on, the others are dropped. */
const compactBelow = 0.85;

/**
 * Samples `group` attempts at each prompt, all at once, one token a piece. An attempt's tokens depend on the seed,
 * its `streams` number and the policy, never on what else is in the batch.
 *
 * The policy's step scope holds what `keeping` keeps: end it when done with the rollout.
 *
 * @param prompts token ids of each prompt
 * @param options streams[p] names prompt p's random numbers under `seed`; keeping `all` lets the rollout be adopted
 */
export async function sampleAttempts(
  policy: Policy,
  prompts: readonly (readonly number[])[],
  options: SamplingOptions & {
    group: number;
    eosId: number;
    seed: number;
    streams: ArrayLike<number>;
    keeping: Keeping;
  },
): Promise<Rollout> {
  const { device, decoder, parameters, stepScope, pieceScope } = policy;
  const { group, eosId, seed, streams, maxNewTokens, keeping, topK, topP, ignoreEos = false } = options;
  const attemptCount = prompts.length * group;
  const promptRows = prompts.reduce((sum, { length }) => sum + length, 0);
  const capacity = promptRows + attemptCount * (maxNewTokens - 1);
  const tape = new PiecewiseTape({ step: stepScope, piece: pieceScope }, { capacity, keeping });
  const rows = new RolloutRows(
    prompts.map(({ length }) => length),
    group,
  );
  const weight = decoder.outputWeight(parameters);
  const vocabulary = weight.shape[0];
  const inverse = options.temperature === 0 ? 0 : 1 / options.temperature;
  const recorded = stepScope.temporary("f32", attemptCount * maxNewTokens);
  const recordedEntropies = stepScope.temporary("f32", attemptCount * maxNewTokens);
  const tokens: number[][] = Array.from({ length: attemptCount }, () => []);
  const stops: (StopReason | null)[] = new Array(attemptCount).fill(null);
  // Where the record of attempt a's token t lies: pieces shrink, so it is not a product.
  const recordAt: number[][] = Array.from({ length: attemptCount }, () => []);
  const fed: number[] = prompts.flat();
  const fedPositions: number[] = prompts.flatMap((prompt) => prompt.map((_, position) => position));
  let recordCount = 0;

  let input: DecoderRows | null = null;
  for (let step = 0; step < maxNewTokens; step++) {
    const { active } = rows;
    // The first piece is the prompts; every later one feeds the tokens just drawn.
    if (step > 0) {
      rows.addPiece();
      const drawn = active.map((attempt) => tokens[attempt][step - 1] ?? eosId);
      const positions = active.map((attempt) => prompts[Math.floor(attempt / group)].length + step - 1);
      fed.push(...drawn);
      fedPositions.push(...positions);
      tape.beginPiece(active.length);
      const { table, maxKeys } = rows.pieceSegments();
      input = {
        tokens: pieceScope.upload("i32", drawn),
        positions: pieceScope.upload("i32", positions),
        segments: { buffer: pieceScope.upload("i32", table), count: table.length / segmentColumns, maxKeys },
      };
    } else {
      tape.beginPiece(promptRows);
      input = uploadRows(pieceScope, {
        tokens: Int32Array.from(fed),
        positions: Int32Array.from(fedPositions),
        segments: rows.segments,
      });
    }
    const { hidden } = decoder.forward(tape, parameters, input);
    const count = active.length;
    let last = hidden.buffer;
    if (step === 0) {
      last = pieceScope.temporary("f32", count * hidden.width);
      const index = pieceScope.upload(
        "i32",
        active.map((attempt) => rows.rowOf[attempt][0]),
      );
      device.enqueue("gatherRows", { x: hidden.buffer, index, out: last, rows: count, width: hidden.width });
    }
    const logits = pieceScope.temporary("f32", count * vocabulary);
    device.enqueue("linear", {
      x: last,
      w: weight.buffer,
      bias: null,
      residual: null,
      y: logits,
      rows: count,
      inner: hidden.width,
      outer: vocabulary,
    });
    const uniforms = pieceScope.upload(
      "f32",
      active.map((attempt) => uniformAt(seed, streams[Math.floor(attempt / group)], attempt % group, step)),
    );
    const drawn = pieceScope.temporary("i32", count);
    const shared = { logits, rows: count, vocabulary };
    device.enqueue("sample", { ...shared, uniforms, tokens: drawn, inverseTemperature: inverse, topK, topP });
    device.enqueue("tokenLogps", {
      ...shared,
      targets: drawn,
      logps: device.view(recorded, recordCount, count),
      entropies: device.view(recordedEntropies, recordCount, count),
      inverseTemperature: 1 / recordingTemperature(options),
    });
    const ids = await device.read(drawn);
    let going = 0;
    active.forEach((attempt, place) => {
      if (stops[attempt] !== null) return;
      tokens[attempt].push(ids[place]);
      recordAt[attempt].push(recordCount + place);
      if (ids[place] === eosId && !ignoreEos) stops[attempt] = "eos";
      else going++;
    });
    recordCount += count;
    if (going === 0) break;
    if (going <= compactBelow * count) rows.compact((attempt) => stops[attempt] === null);
  }

  const allLogps = await device.read(device.view(recorded, 0, recordCount));
  const allEntropies = await device.read(device.view(recordedEntropies, 0, recordCount));
  const collect = (from: ArrayLike<number>, at: number[]) => Float64Array.from(at, (i) => from[i]);
  const narrow = (values: Float64Array): Float32Array | Float64Array =>
    allLogps instanceof Float64Array ? values : Float32Array.from(values);
  const flat = tokens.map(
    (ids, attempt): SampledAttempt => ({
      tokens: ids,
      logps: narrow(collect(allLogps, recordAt[attempt])),
      entropies: narrow(collect(allEntropies, recordAt[attempt])),
      stop: stops[attempt] ?? "length",
    }),
  );

  return {
    attempts: prompts.map((_, p) => flat.slice(p * group, (p + 1) * group)),
    rowCount: tape.filled,
    keptAll: keeping === "all",
    tokenCount: flat.reduce((sum, { tokens: ids }) => sum + ids.length, 0),
    adopt(chosen) {
      const order = Int32Array.from(chosen.flatMap((attempt) => recordAt[attempt]));
      const upload = (values: DeviceBuffer) => {
        const known = stepScope.temporary("f32", order.length);
        const index = stepScope.upload("i32", order);
        device.enqueue("gatherRows", { x: values, index, out: known, rows: order.length, width: 1 });
        return known;
      };
      return {
        tape: tape.adopt(),
        rows: uploadRows(stepScope, {
          tokens: Int32Array.from(fed),
          positions: Int32Array.from(fedPositions),
          segments: rows.segments,
        }),
        trainedRows: Int32Array.from(
          chosen.flatMap((attempt) => tokens[attempt].map((_, t) => rows.rowOf[attempt][t])),
        ),
        targets: Int32Array.from(chosen.flatMap((attempt) => tokens[attempt])),
        known: { logps: upload(recorded), entropies: upload(recordedEntropies) },
        rowCount: tape.filled,
      };
    },
  };
}
