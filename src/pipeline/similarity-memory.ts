import type { HubOptions } from "../base/hub/snapshot.ts";
import { CountingDevice } from "../engine/registry.ts";
import { Encoder } from "../model/encoder.ts";
import { mostTokens } from "../model/encoder-config.ts";
import { FrozenWeights } from "../model/frozen-weights.ts";
import { PASS_ROWS } from "../model/hidden-rows.ts";
import { policyRows } from "../model/policy-rows.ts";
import { frozenFormatOf } from "../model/pretrained.ts";
import { openPretrainedEncoder } from "../model/pretrained-encoder.ts";
import { resolveModel } from "../model/resolve-model.ts";
import type { SimilarityOptions } from "../reward/similarity-options.ts";
import { countedPolicy, countedReference, type ModelPlan, purposes } from "../train/counted-policy.ts";
import { encoderLayer } from "./similarity.ts";
import { policyLayers } from "./text-embedder.ts";
import { CHUNK_PAIRS, DEFAULT_CACHE_BYTES } from "./text-similarity.ts";

/**
 * Bytes that measuring similarity will hold beside a run: the encoder or a frozen copy, a full pass, the embeddings of some
 * pairs and those that are kept. Counted by running it on a device that computes nothing; an encoder on the hub is fetched.
 *
 * @param setting model: what the run trains; info: of the run's device
 * @throws CheckpointError, ConfigError as `openSimilarity`'s similarity
 */
export async function similarityBytes(
  options: SimilarityOptions,
  setting: { model: ModelPlan; info: { threads: number; precision: "f32" | "bf16" | "f64" }; hub?: HubOptions },
): Promise<number> {
  const { held, width, longest } = await (options.encoder === "policy"
    ? policyPass(options, setting)
    : encoderPass(options, setting));
  const pairs = 2 * CHUNK_PAIRS * Math.min(longest, PASS_ROWS) * width * Float32Array.BYTES_PER_ELEMENT;
  return held + pairs + DEFAULT_CACHE_BYTES;
}

/** What one model holds while it embeds. */
interface CountedPass {
  held: number;
  width: number;
  /** Tokens of the longest text. */
  longest: number;
}

async function encoderPass(
  options: SimilarityOptions,
  { info, hub }: Pick<Parameters<typeof similarityBytes>[1], "info" | "hub">,
): Promise<CountedPass> {
  const model = await resolveModel(options.encoder, hub);
  const { config, arrays, close } = openPretrainedEncoder(model, { layers: encoderLayer(options) });
  close();
  const device = new CountingDevice({ ...info, precision: info.precision === "f64" ? "f64" : "f32" });
  const weights = new FrozenWeights(device);
  for (const array of arrays) weights.reserve(array.name, array.shape, frozenFormatOf(array, "stored"));
  const longest = mostTokens(config);
  await new Encoder(device, config, weights).hiddenRows(fullPass(longest));
  return { held: device.memory().peakBytes + device.overheadBytes(), width: config.width, longest };
}

async function policyPass(
  { layer }: SimilarityOptions,
  { model, info }: Parameters<typeof similarityBytes>[1],
): Promise<CountedPass> {
  const layers = policyLayers(model.config, layer);
  const device = new CountingDevice(info);
  const reference = countedReference(device, countedPolicy(device, model));
  const { width, maxPositions: longest } = model.config;
  await policyRows(reference, fullPass(longest), { layers });
  const { [purposes.reference]: copy = 0, [purposes.activations]: activations = 0 } = device.heldAtPeak;
  return { held: copy + activations, width, longest };
}

/** Texts as long as may be that fill a pass. */
const fullPass = (longest: number): number[][] => {
  const length = Math.min(longest, PASS_ROWS);
  return Array.from({ length: Math.floor(PASS_ROWS / length) }, () => new Array(length).fill(0));
};
