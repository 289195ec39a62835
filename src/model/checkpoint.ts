import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { CheckpointError } from "../base/errors.ts";
import type { Device, DeviceBuffer } from "../engine/device.ts";
import type { DecoderConfig } from "./config.ts";
import { checkDecoderConfig } from "./config.ts";
import { readSafetensors, type SafetensorsTensor, writeSafetensors } from "./formats/safetensors.ts";
import { createPolicy, type Policy } from "./policy.ts";

/** config.json of a checkpoint: the decoder's shape and what its tokens mean. */
export interface ModelManifest {
  format: "reckon-1";
  model: DecoderConfig;
  /** `math`: the 57 tokens of the arithmetic task. */
  tokenizer: "math";
  /** What the model was trained on, for commands that make problems for it. */
  task: Record<string, unknown>;
}

/** Writes `config.json` and `model.safetensors` (f32) into an existing directory. */
export async function saveModel(
  dir: string,
  policy: Policy,
  about: Pick<ModelManifest, "tokenizer" | "task">,
): Promise<void> {
  const manifest: ModelManifest = { format: "reckon-1", model: policy.config, ...about };
  const tensors: [string, SafetensorsTensor][] = [];
  for (const { name, shape, buffer } of policy.parameters.entries)
    tensors.push([name, { dtype: "F32", shape, data: await readF32(policy.device, buffer) }]);
  writeFileAtomic(join(dir, "config.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeSafetensors(join(dir, "model.safetensors"), tensors, { format: "reckon-1" });
}

/**
 * Loads a checkpoint that `saveModel` wrote.
 *
 * @throws CheckpointError when a file is missing, truncated, not ours, or its tensors do not fit its configuration
 */
export function loadModel(
  device: Device,
  dir: string,
  options: { trained: boolean },
): { policy: Policy; manifest: ModelManifest } {
  const manifest = readModelManifest(dir);
  const path = join(dir, "model.safetensors");
  const { tensors } = readSafetensors(path);
  const policy = createPolicy(device, manifest.model, { seed: 0, trained: options.trained });
  const problems: string[] = [];
  for (const { name, shape, buffer } of policy.parameters.entries) {
    const tensor = tensors.get(name);
    if (!tensor) problems.push(`${name} is missing`);
    else if (tensor.dtype !== "F32" || tensor.shape.join() !== shape.join())
      problems.push(`${name}: expected F32 [${shape}], got ${tensor.dtype} [${tensor.shape}]`);
    else device.write(buffer, tensor.data as Float32Array);
  }
  for (const name of tensors.keys())
    if (!policy.parameters.has(name)) problems.push(`${name} is not part of this model`);
  if (problems.length > 0)
    throw new CheckpointError(
      `${path} does not fit its config.json: ${problems.join("; ")}; was one of them replaced?`,
    );
  return { policy, manifest };
}

/** @throws CheckpointError when config.json is missing or is not a reckon model's */
export function readModelManifest(dir: string): ModelManifest {
  const path = join(dir, "config.json");
  if (!existsSync(path))
    throw new CheckpointError(
      `${dir}: expected a model directory with config.json and model.safetensors, found no config.json; ` +
        "a run's models are in runs/NAME/final and runs/NAME/checkpoints/*",
    );
  let manifest: Partial<ModelManifest> | null;
  try {
    manifest = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CheckpointError(`${path}: not JSON (${(error as Error).message}); copy the checkpoint again`, {
      cause: error,
    });
  }
  if (manifest?.format !== "reckon-1" || typeof manifest.model !== "object" || manifest.tokenizer !== "math")
    throw new CheckpointError(
      `${path}: expected a model written by reckon (format reckon-1), got format ${JSON.stringify(manifest?.format)}; ` +
        "other formats cannot be read yet",
    );
  try {
    checkDecoderConfig(manifest.model);
  } catch (error) {
    throw new CheckpointError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  return manifest as ModelManifest;
}

/** The contents of an f32 buffer, rounded to f32 on a device that computes in f64. */
export async function readF32(device: Device, buffer: DeviceBuffer): Promise<Float32Array<ArrayBuffer>> {
  const values = await device.read(buffer);
  return values instanceof Float32Array ? (values as Float32Array<ArrayBuffer>) : Float32Array.from(values);
}
