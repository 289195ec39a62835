import { ConfigError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { Parameters } from "../engine/parameters.ts";
import type { WeightFormat } from "../engine/weight-formats.ts";
import type { DecoderConfig } from "./config.ts";
import { decoderParameters, withFrozenRouters } from "./definitions.ts";
import { FrozenWeights } from "./frozen-weights.ts";
import { frozenPolicy, type Policy, wholePolicy } from "./policy.ts";
import { type PlacedArray, placeDecoder } from "./pretrained-places.ts";
import { openPretrained, type PretrainedSource } from "./pretrained-source.ts";
import { formatAsStored, readBytes, readValues } from "./pretrained-values.ts";
import type { ResolvedModel } from "./resolve-model.ts";

/** How frozen weights are held: as the file stores them, or brought into a format. */
export const frozenFormats = ["stored", "f32", "bf16", "f16", "int8", "nf4"] as const;
export type FrozenFormat = (typeof frozenFormats)[number];

/** How a published model is loaded. */
export interface PretrainedOptions {
  /** Every weight is trained, in f32, and `frozen` does not matter; default false. */
  trained?: boolean;
  /** Of `trained`: also the routers of a mixture; default false: experts are chosen as the published model chooses them. */
  trainRouter?: boolean;
  /**
   * Format of frozen matrices; default `stored`. Norms, biases and routers are f32; embedding and output head are not
   * brought into int8 or nf4.
   */
  frozen?: FrozenFormat;
  /** Longest sequence, prompt and completion together; default the model's, at most 131,072. */
  context?: number;
}

/** A published model, loaded. */
export interface Pretrained {
  /** Without an adapter, to be closed with `closePolicy`. */
  policy: Policy;
  /** `model_type` of its config.json. */
  modelType: string;
  /** What to know of how its configuration was understood. */
  notes: readonly string[];
}

/** Longest sequence that rotary tables are made for unless more is asked for: 64 MB at 64 frequencies. */
const MOST_POSITIONS = 131_072;

/**
 * Loads a published model, tensor by tensor: besides the device's memory there is never more than one tensor's.
 *
 * @throws CheckpointError naming file and field or tensor when a file is missing or broken, the architecture is unknown, or
 *   configuration and tensors do not fit each other
 * @throws ConfigError when context is longer than the model's
 * @throws DeviceError when there is not enough memory
 */
export function loadPretrained(
  device: Device,
  model: Pick<ResolvedModel, "kind" | "path">,
  options: PretrainedOptions = {},
): Pretrained {
  const { trained = false, trainRouter = false, frozen = "stored", context } = options;
  const pretrained = openPretrained(model);
  const { source, architecture } = pretrained;
  try {
    const arrays = placeDecoder(pretrained);
    const config = withContext(pretrained.config, context);
    const loaded = trained
      ? loadTrained(device, config, arrays, { trainRouter })
      : loadFrozen(device, config, arrays, frozen);
    const policy = { ...loaded, ownPositions: pretrained.config.maxPositions };
    return { policy, modelType: architecture.modelType, notes: pretrainedNotes(pretrained, context) };
  } finally {
    source.close();
  }
}

/** What to know of how a model's configuration was understood, and of how far it reaches where no context is asked for. */
export function pretrainedNotes(
  { config, notes }: Pick<PretrainedSource, "config" | "notes">,
  context: number | undefined,
): readonly string[] {
  if (context !== undefined || config.maxPositions <= MOST_POSITIONS) return notes;
  return [...notes, `sequences up to ${MOST_POSITIONS} tokens unless a longer context is asked for`];
}

/** @throws ConfigError when the model's positions do not reach that far */
export function withContext(config: DecoderConfig, context: number | undefined): DecoderConfig {
  const { maxPositions } = config;
  if (context === undefined) return { ...config, maxPositions: Math.min(maxPositions, MOST_POSITIONS) };
  if (!Number.isInteger(context) || context < 1 || context > maxPositions)
    throw new ConfigError(
      `context: expected a whole number from 1 to ${maxPositions}, the model's own, got ${context}; shorten prompt and completion`,
    );
  return { ...config, maxPositions: context };
}

/** The format a frozen array is held in. */
export function frozenFormatOf(
  { name, shape, format }: Pick<PlacedArray, "name" | "shape" | "format">,
  frozen: FrozenFormat,
): "f32" | WeightFormat {
  if (shape.length === 1 || name.endsWith(".bias") || name.endsWith(".router.weight")) return "f32";
  if (frozen === "stored") return formatAsStored(format);
  const outer = name === "embedding.weight" || name === "output.weight";
  return outer && (frozen === "int8" || frozen === "nf4") ? formatAsStored(format) : frozen;
}

function loadFrozen(
  device: Device,
  config: DecoderConfig,
  arrays: readonly PlacedArray[],
  frozen: FrozenFormat,
): Policy {
  const weights = new FrozenWeights(device);
  try {
    for (const array of arrays) {
      const format = frozenFormatOf(array, frozen);
      weights.add(array.name, array.shape, format, format === "f32" ? readValues(array) : readBytes(array, format));
      for (const tensor of array.tensors) tensor.release();
    }
    return frozenPolicy(device, config, weights);
  } catch (error) {
    weights.close();
    throw error;
  }
}

function loadTrained(
  device: Device,
  config: DecoderConfig,
  arrays: readonly PlacedArray[],
  { trainRouter }: { trainRouter: boolean },
): Policy {
  const all = decoderParameters(config, new Rng(0));
  const definitions = trainRouter ? all : withFrozenRouters(all);
  const parameters = new Parameters(device, definitions, { trained: true, filled: false });
  try {
    for (const array of arrays) {
      device.write(parameters.get(array.name).buffer, readValues(array));
      for (const tensor of array.tensors) tensor.release();
    }
    return wholePolicy(device, config, parameters);
  } catch (error) {
    parameters.close();
    throw error;
  }
}
