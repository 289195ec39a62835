import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { gatherRows } from "../engine/ops/rows.ts";
import { type TokenLogps, tokenLogps } from "../engine/ops/token-logps.ts";
import { Parameters } from "../engine/parameters.ts";
import { Scope } from "../engine/scope.ts";
import { Tape, type Tensor } from "../engine/tape.ts";
import type { DecoderConfig } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { decoderParameters } from "./definitions.ts";
import { type PackedBatch, requireBelow, uploadRows } from "./packed-batch.ts";
import { plainWeights, type Weights } from "./weights.ts";

/** A decoder with its parameters and the memory its steps run in. */
export interface Policy {
  device: Device;
  config: DecoderConfig;
  decoder: Decoder;
  /** Whether closing the policy closes the decoder; a frozen copy borrows that of the policy it was made from. */
  ownsDecoder: boolean;
  /** What the decoder reads. */
  weights: Weights;
  /** What is trained: the whole model, or an adapter of it. */
  parameters: Parameters;
  /** What lives for one step: activations, gradients of activations, batches. */
  stepScope: Scope;
  /** What lives for one sampled token of each attempt. */
  pieceScope: Scope;
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
  return {
    device,
    config,
    decoder: new Decoder(device, config),
    ownsDecoder: true,
    weights: plainWeights(parameters),
    parameters,
    stepScope: new Scope(device),
    pieceScope: new Scope(device),
  };
}

/**
 * A frozen copy of a policy's weights as they are now. It shares the decoder's tables; its steps have memory of their
 * own, so scoring with it leaves the policy's activations alone. Close it before the policy it was made from.
 */
export function freezePolicy(policy: Policy): Policy {
  const definitions = policy.parameters.entries.map(({ name, shape }) => ({
    name,
    shape,
    decays: false,
    initialize: () => {},
  }));
  const parameters = new Parameters(policy.device, definitions, { trained: false });
  parameters.copyFrom(policy.parameters);
  return {
    ...policy,
    ownsDecoder: false,
    weights: plainWeights(parameters),
    parameters,
    stepScope: new Scope(policy.device),
    pieceScope: new Scope(policy.device),
  };
}

/** Gives the memory of a policy, or of a frozen copy, back. */
export function closePolicy(policy: Policy): void {
  policy.parameters.close();
  if (policy.ownsDecoder) policy.decoder.close();
  policy.stepScope.close();
  policy.pieceScope.close();
}

/** What the sampler recorded of the entries, still on the device. */
export type KnownLogps = Pick<TokenLogps, "logps" | "entropies">;

/**
 * Log-probabilities and entropies of the trained entries from hidden rows.
 *
 * @param known as in `tokenLogps`
 * @throws ShapeError when a target is not in the vocabulary or a trained row not in the batch
 */
export function entryLogps(
  policy: Policy,
  tape: Tape,
  hidden: Tensor,
  entries: { trainedRows: Int32Array; targets: Int32Array; temperature: number },
  known: KnownLogps | null = null,
): TokenLogps {
  const { scope } = tape;
  requireBelow("target", entries.targets, policy.config.vocabularySize);
  requireBelow("trained row", entries.trainedRows, hidden.rows);
  const rows = tape.regrouped(() => gatherRows(tape, hidden, scope.upload("i32", entries.trainedRows)));
  return tokenLogps(tape, rows, {
    weight: policy.decoder.outputWeight(policy.weights),
    targets: scope.upload("i32", entries.targets),
    temperature: entries.temperature,
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
  const { hidden } = policy.decoder.forward(tape, policy.weights, uploadRows(stepScope, batch, policy.config));
  const found = entryLogps(policy, tape, hidden, { ...batch, temperature });
  const logps = (await device.read(found.logps)) as Float32Array;
  const entropies = (await device.read(found.entropies)) as Float32Array;
  stepScope.end();
  return { logps, entropies };
}
