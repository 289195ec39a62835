import { orClosed } from "../base/or-closed.ts";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { gatherRows } from "../engine/ops/rows.ts";
import { type TokenLogps, tokenLogps } from "../engine/ops/token-logps.ts";
import { Parameters } from "../engine/parameters.ts";
import { Scope } from "../engine/scope.ts";
import { Tape, type Tensor } from "../engine/tape.ts";
import type { Adapter } from "./adapter.ts";
import type { DecoderConfig } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { decoderParameters } from "./definitions.ts";
import type { FrozenWeights } from "./frozen-weights.ts";
import { type PackedBatch, requireBelow, uploadRows } from "./packed-batch.ts";
import { plainWeights, type Weights } from "./weights.ts";

/** A decoder with its weights and the memory its steps run in. */
export interface Policy {
  device: Device;
  config: DecoderConfig;
  /** Longest sequence of the model itself, which checkpoints say; `config.maxPositions` may be shorter, as a run asked. */
  ownPositions: number;
  decoder: Decoder;
  /** What the decoder reads. */
  weights: Weights;
  /** What is trained: the whole model, or an adapter of it; none where all is frozen. */
  parameters: Parameters;
  /** The adapter that `parameters` are of; null: there is none, and `parameters` are the whole model or nothing. */
  adapter: Adapter | null;
  /** What lives for one step: activations, gradients of activations, batches. */
  stepScope: Scope;
  /** What lives for one sampled token of each attempt. */
  pieceScope: Scope;
  /** What `closePolicy` gives back besides the scopes; a frozen copy borrows the rest from the policy it was made from. */
  owned: readonly { close(): void }[];
}

/**
 * A fresh policy with random weights.
 *
 * @param options seed names the weights; trained: whether gradients are kept
 */
export function createPolicy(
  device: Device,
  config: DecoderConfig,
  options: { seed: number; trained: boolean },
): Policy {
  const parameters = new Parameters(device, decoderParameters(config, new Rng(options.seed, 1)), options);
  return orClosed(parameters, () => wholePolicy(device, config, parameters));
}

/** A policy whose weights are one set of parameters, to be trained all together or not at all. It closes them. */
export function wholePolicy(device: Device, config: DecoderConfig, parameters: Parameters): Policy {
  const decoder = new Decoder(device, config);
  return {
    device,
    config,
    ownPositions: config.maxPositions,
    decoder,
    weights: plainWeights(parameters),
    parameters,
    adapter: null,
    ...freshScopes(device),
    owned: [parameters, decoder],
  };
}

/** A policy that reads weights as they are and trains none of them: a base to put an adapter on. It closes them. */
export function frozenPolicy(device: Device, config: DecoderConfig, weights: FrozenWeights): Policy {
  const parameters = new Parameters(device, [], { trained: false });
  const decoder = orClosed(parameters, () => new Decoder(device, config));
  return {
    device,
    config,
    ownPositions: config.maxPositions,
    decoder,
    weights,
    parameters,
    adapter: null,
    ...freshScopes(device),
    owned: [parameters, decoder, weights],
  };
}

/**
 * What KL is measured against: the model as it is now, of a policy whose weights are trained themselves a copy; of one
 * with an adapter the same frozen weights without it, which take no memory. It shares the decoder's tables; its steps have
 * memory of their own, so scoring with it leaves the policy's activations alone. Close it before the policy.
 */
export function freezePolicy(policy: Policy): Policy {
  const { device } = policy;
  const frozen = { ...policy, ...freshScopes(device), adapter: null };
  if (policy.adapter || policy.parameters.entries.length === 0) {
    const parameters = new Parameters(device, [], { trained: false });
    return { ...frozen, weights: policy.adapter?.base ?? policy.weights, parameters, owned: [parameters] };
  }
  const definitions = policy.parameters.entries.map(({ name, shape }) => ({
    name,
    shape,
    decays: false,
    initialize: () => {},
  }));
  const parameters = new Parameters(device, definitions, { trained: false });
  parameters.copyFrom(policy.parameters);
  return { ...frozen, weights: plainWeights(parameters), parameters, owned: [parameters] };
}

/** Gives the memory of a policy, or of a frozen copy, back. */
export function closePolicy(policy: Policy): void {
  for (const one of policy.owned) one.close();
  policy.stepScope.close();
  policy.pieceScope.close();
}

const freshScopes = (device: Device) => ({ stepScope: new Scope(device), pieceScope: new Scope(device) });

/**
 * What logits are divided by before the softmax, at a sampling temperature. Sampler and trainer both take it from here: their
 * log-probabilities are to be the same bits.
 */
export const logitTemperature = ({ logitScale }: Pick<DecoderConfig, "logitScale">, temperature: number): number =>
  temperature / logitScale;

/** What the sampler recorded of the entries, still on the device. */
export type KnownLogps = Pick<TokenLogps, "logps" | "entropies">;

/**
 * Log-probabilities and entropies of the trained entries from hidden rows.
 *
 * @param entries entropiesTrained: as in `tokenLogps`
 * @param known as in `tokenLogps`
 * @throws ShapeError when a target is not in the vocabulary or a trained row not in the batch
 */
export function entryLogps(
  policy: Policy,
  tape: Tape,
  hidden: Tensor,
  entries: { trainedRows: Int32Array; targets: Int32Array; temperature: number; entropiesTrained?: boolean },
  known: KnownLogps | null = null,
): TokenLogps {
  return rowLogps(policy, tape, entryRows(tape, hidden, entries), entries, known);
}

/**
 * The hidden row that each trained entry is predicted from: [T, D] → [R, D].
 *
 * @throws ShapeError when a trained row is not in the batch
 */
export function entryRows(tape: Tape, hidden: Tensor, { trainedRows }: { trainedRows: Int32Array }): Tensor {
  requireBelow("trained row", trainedRows, hidden.rows);
  return tape.regrouped(() => gatherRows(tape, hidden, tape.scope.upload("i32", trainedRows)));
}

/**
 * `entryLogps` from the rows of `entryRows`, for what reads them besides.
 *
 * @throws ShapeError when a target is not in the vocabulary
 */
export function rowLogps(
  policy: Policy,
  tape: Tape,
  rows: Tensor,
  entries: { targets: Int32Array; temperature: number; entropiesTrained?: boolean },
  known: KnownLogps | null = null,
): TokenLogps {
  requireBelow("target", entries.targets, policy.config.vocabularySize);
  return tokenLogps(tape, rows, {
    ...policy.decoder.outputHead(policy.weights),
    targets: tape.scope.upload("i32", entries.targets),
    temperature: logitTemperature(policy.config, entries.temperature),
    entropiesTrained: entries.entropiesTrained,
    known,
  });
}

/**
 * Log-probability of every trained entry of a batch, nothing recorded.
 *
 * @param options temperature divides the logits
 * @returns one number per entry, in the batch's order; entropies in nats
 * @throws ShapeError when an id is not in the vocabulary or a sequence is longer than the model's positions
 */
export async function scoreBatch(
  policy: Policy,
  batch: PackedBatch,
  { temperature }: { temperature: number },
): Promise<{ logps: Float32Array | Float64Array; entropies: Float32Array | Float64Array }> {
  const { stepScope, device } = policy;
  const tape = new Tape(stepScope, { recording: false });
  try {
    const { hidden } = policy.decoder.forward(tape, policy.weights, uploadRows(stepScope, batch, policy.config));
    const found = entryLogps(policy, tape, hidden, { ...batch, temperature });
    const logps = (await device.read(found.logps)) as Float32Array;
    const entropies = (await device.read(found.entropies)) as Float32Array;
    return { logps, entropies };
  } finally {
    stepScope.end();
  }
}
