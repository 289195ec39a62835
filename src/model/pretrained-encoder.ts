import { join } from "node:path";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import type { Device } from "../engine/device.ts";
import { ConfigFields } from "./architectures/config-fields.ts";
import type { EncoderArchitecture } from "./architectures-encoder/architecture.ts";
import { encoderArchitectureOf } from "./architectures-encoder/index.ts";
import { Encoder } from "./encoder.ts";
import { type EncoderConfig, encoderArrays } from "./encoder-config.ts";
import { openSafetensors } from "./formats/safetensors-source.ts";
import { FrozenWeights } from "./frozen-weights.ts";
import { frozenFormatOf } from "./pretrained.ts";
import { type PlacedArray, placeArrays } from "./pretrained-places.ts";
import { readConfigFile } from "./pretrained-source.ts";
import { readBytes, readValues } from "./pretrained-values.ts";
import type { ResolvedModel } from "./resolve-model.ts";

/** A published encoder whose configuration has been read and whose values have not. */
export interface PretrainedEncoder {
  architecture: EncoderArchitecture;
  /** With the blocks that will be used. */
  config: EncoderConfig;
  arrays: readonly PlacedArray[];
  /** Closes the files; the arrays cannot be read afterwards. */
  close(): void;
}

/**
 * Reads the configuration of an encoder and finds its tensors: those of its first `layers` blocks, of a checkpoint with or
 * without a head. Other tensors are left alone.
 *
 * @param options layers: blocks to use, default all
 * @throws CheckpointError naming file and field or tensor when one is missing, broken or of an architecture that is not read
 * @throws ConfigError when there are fewer blocks
 */
export function openPretrainedEncoder(
  { kind, path }: Pick<ResolvedModel, "kind" | "path">,
  { layers }: { layers?: number } = {},
): PretrainedEncoder {
  if (kind === "gguf")
    throw new CheckpointError(`${path}: encoders are not read from GGUF files; give a directory with safetensors`);
  const file = join(path, "config.json");
  const record = readConfigFile(file);
  const architecture = encoderArchitectureOf(record.model_type, file);
  const fields = new ConfigFields(file, record);
  const whole = architecture.readConfig(fields);
  if (whole.width % whole.heads !== 0)
    fields.refuse("attention heads", `expected a divisor of the width ${whole.width}, got ${whole.heads}`);
  fields.check();
  if (layers !== undefined && !(Number.isInteger(layers) && layers >= 0 && layers <= whole.layers))
    throw new ConfigError(
      `layer: expected a whole number from 0 to ${whole.layers}, the blocks of ${path}, got ${layers}`,
    );
  const config = { ...whole, layers: layers ?? whole.layers };
  const source = openSafetensors(path);
  try {
    const arrays = placeArrays(encoderArrays(config), { source, places: architecture.places, ignores: () => true });
    return { architecture, config, arrays, close: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}

/**
 * Loads an encoder, matrices in the format they are stored in.
 *
 * @returns encoder: to be closed
 * @throws CheckpointError, ConfigError as `openPretrainedEncoder`; DeviceError when there is not enough memory
 */
export function loadEncoder(
  device: Device,
  model: Pick<ResolvedModel, "kind" | "path">,
  options: { layers?: number } = {},
): { encoder: Encoder; architecture: EncoderArchitecture } {
  const { architecture, config, arrays, close } = openPretrainedEncoder(model, options);
  const weights = new FrozenWeights(device);
  try {
    for (const array of arrays) {
      const format = frozenFormatOf(array, "stored");
      weights.add(array.name, array.shape, format, format === "f32" ? readValues(array) : readBytes(array, format));
      for (const tensor of array.tensors) tensor.release();
    }
    return { encoder: new Encoder(device, config, weights), architecture };
  } catch (error) {
    weights.close();
    throw error;
  } finally {
    close();
  }
}
