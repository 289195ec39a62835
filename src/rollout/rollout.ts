import type { DeviceBuffer } from "../engine/device.ts";
import { segmentColumns } from "../engine/ops/attention.ts";
import { type Keeping, PiecewiseTape } from "../engine/piecewise.ts";
import type { Tape } from "../engine/tape.ts";
import type { DecoderRows } from "../model/decoder.ts";
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
  const { group, eosId, seed, streams, maxNewTokens, keeping, ignoreEos = false } = options;
  const promptOf = (attempt: number) => Math.floor(attempt / group);
  const attemptCount = prompts.length * group;
  const promptTokens = prompts.flat();
  const capacity = promptTokens.length + attemptCount * (maxNewTokens - 1);
  const tape = new PiecewiseTape({ step: stepScope, piece: pieceScope }, { capacity, keeping });
  const sampler = new Sampler(policy, { ...options, seed, capacity: attemptCount * maxNewTokens });
  const rows = new RolloutRows(
    prompts.map(({ length }) => length),
    group,
  );
  /** Ids and positions of all rows, in order. */
  const fed = { tokens: promptTokens, positions: prompts.flatMap((prompt) => prompt.map((_, position) => position)) };
  const tokens: number[][] = Array.from({ length: attemptCount }, () => []);
  /** Which record holds each of an attempt's tokens. */
  const records: number[][] = Array.from({ length: attemptCount }, () => []);
  const stops: (StopReason | null)[] = new Array(attemptCount).fill(null);

  /** The prompts, whose last rows every attempt starts from. */
  const promptPiece = (): DeviceBuffer => {
    tape.beginPiece(promptTokens.length);
    const input = uploadRows(pieceScope, { ...typed(fed), segments: rows.segments });
    const { hidden } = decoder.forward(tape, parameters, input);
    const last = pieceScope.temporary("f32", attemptCount * hidden.width);
    const index = pieceScope.upload(
      "i32",
      rows.active.map((attempt) => rows.rowOf[attempt][0]),
    );
    device.enqueue("gatherRows", { x: hidden.buffer, index, out: last, rows: attemptCount, width: hidden.width });
    return last;
  };
  /** The tokens just drawn, one row for each active attempt; one that has ended is fed on until it is dropped. */
  const tokenPiece = (step: number): DeviceBuffer => {
    rows.addPiece();
    const drawn = rows.active.map((attempt) => tokens[attempt][step - 1] ?? eosId);
    const positions = rows.active.map((attempt) => prompts[promptOf(attempt)].length + step - 1);
    fed.tokens.push(...drawn);
    fed.positions.push(...positions);
    tape.beginPiece(drawn.length);
    const { table, maxKeys } = rows.pieceSegments();
    const count = table.length / segmentColumns;
    return decoder.forward(tape, parameters, {
      tokens: pieceScope.upload("i32", drawn),
      positions: pieceScope.upload("i32", positions),
      segments: { buffer: pieceScope.upload("i32", table), count, maxKeys },
    }).hidden.buffer;
  };

  for (let step = 0; step < maxNewTokens; step++) {
    const hidden = step === 0 ? promptPiece() : tokenPiece(step);
    const { active } = rows;
    const firstRecord = sampler.recorded;
    const ids = await sampler.draw(
      hidden,
      active.map((attempt) => [streams[promptOf(attempt)], attempt % group, step]),
    );
    let going = 0;
    active.forEach((attempt, row) => {
      if (stops[attempt] !== null) return;
      tokens[attempt].push(ids[row]);
      records[attempt].push(firstRecord + row);
      if (ids[row] === eosId && !ignoreEos) stops[attempt] = "eos";
      else going++;
    });
    if (going === 0) break;
    if (going <= compactBelow * active.length) rows.compact((attempt) => stops[attempt] === null);
  }

  const logps = await device.read(device.view(sampler.logps, 0, sampler.recorded));
  const entropies = await device.read(device.view(sampler.entropies, 0, sampler.recorded));
  const sampled = tokens.map(
    (ids, attempt): SampledAttempt => ({
      tokens: ids,
      logps: select(logps, records[attempt]),
      entropies: select(entropies, records[attempt]),
      stop: stops[attempt] ?? "length",
    }),
  );

  return {
    attempts: prompts.map((_, p) => sampled.slice(p * group, (p + 1) * group)),
    rowCount: tape.filled,
    keptAll: keeping === "all",
    tokenCount: sampled.reduce((sum, { tokens: ids }) => sum + ids.length, 0),
    adopt(attempts) {
      const index = stepScope.upload(
        "i32",
        attempts.flatMap((attempt) => records[attempt]),
      );
      const inOrder = (recorded: DeviceBuffer) => {
        const out = stepScope.temporary("f32", index.length);
        device.enqueue("gatherRows", { x: recorded, index, out, rows: index.length, width: 1 });
        return out;
      };
      const trainedRows = attempts.flatMap((attempt) => tokens[attempt].map((_, t) => rows.rowOf[attempt][t]));
      return {
        tape: tape.adopt(),
        rows: uploadRows(stepScope, { ...typed(fed), segments: rows.segments }),
        trainedRows: Int32Array.from(trainedRows),
        targets: Int32Array.from(attempts.flatMap((attempt) => tokens[attempt])),
        known: { logps: inOrder(sampler.logps), entropies: inOrder(sampler.entropies) },
        rowCount: tape.filled,
      };
    },
  };
}

const typed = ({ tokens, positions }: { tokens: number[]; positions: number[] }) => ({
  tokens: Int32Array.from(tokens),
  positions: Int32Array.from(positions),
});

/** values[index[i]] for each i, in the array type of `values`. */
function select(values: ArrayLike<number>, index: readonly number[]): Float32Array | Float64Array {
  const out = values instanceof Float64Array ? new Float64Array(index.length) : new Float32Array(index.length);
  for (let i = 0; i < index.length; i++) out[i] = values[index[i]];
  return out;
}
