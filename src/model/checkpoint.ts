import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { CheckpointError } from "../base/errors.ts";
import type { Device, DeviceBuffer } from "../engine/device.ts";
import { MATH_TOKENS } from "../prompt/math-tokenizer.ts";
import type { DecoderConfig } from "./config.ts";
import { checkDecoderConfig } from "./config.ts";
import { readSafetensors, type SafetensorsTensor, writeSafetensors } from "./formats/safetensors.ts";
import { closePolicy, createPolicy, type Policy } from "./policy.ts";

/** config.json of a checkpoint: the decoder's shape and what its tokens mean. */
export interface ModelManifest {
  format: "reckon-2";
  model: DecoderConfig;
  /** `math`: the 57 tokens of the arithmetic task. */
  tokenizer: "math";
  /** What the model was trained on, for commands that make problems for it. */
  task: Record<string, unknown>;
}

const count = z.number().int();

const scalingSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("linear"), factor: z.number().positive() }),
  z.object({
    kind: z.literal("llama3"),
    factor: z.number().positive(),
    lowFrequencyFactor: z.number().positive(),
    highFrequencyFactor: z.number().positive(),
    originalPositions: count.min(1),
  }),
  z.object({
    kind: z.literal("longrope"),
    factors: z.array(z.number().positive()),
    attentionFactor: z.number().positive(),
  }),
]);

/** The fields of `DecoderConfig`; what they must be to each other is `checkDecoderConfig`'s to say. */
const decoderSchema: z.ZodType<DecoderConfig> = z.object({
  vocabularySize: count,
  width: count,
  layers: count,
  heads: count,
  kvHeads: count,
  headDim: count,
  feedForward: count,
  experts: count.min(0),
  activeExperts: count.min(0),
  norm: z.enum(["layer", "rms"]),
  normEps: z.number().positive(),
  finalNorm: z.boolean(),
  positions: z.enum(["alibi", "rotary"]),
  rotaryTheta: z.number().positive(),
  rotaryScaling: scalingSchema.nullable(),
  maxPositions: count,
  activation: z.enum(["gelu", "swiglu"]),
  attentionBias: z.enum(["none", "qkv", "all"]),
  feedForwardBias: z.boolean(),
  outputBias: z.boolean(),
  qkNorm: z.enum(["none", "head", "full"]),
  attentionScale: z.number().positive().nullable(),
  residualScale: z.number(),
  logitScale: z.number().positive(),
  routing: z.enum(["chosen", "all", "sparsemixer"]),
  routerJitter: z.number().min(0),
  denseLayers: z.array(count),
  denseFeedForward: count.min(0),
  tiedOutput: z.boolean(),
  embeddingScale: z.number(),
  initialDeviation: z.number().positive().nullable(),
});

const manifestSchema = z.object({
  format: z.literal("reckon-2"),
  model: decoderSchema,
  tokenizer: z.literal("math"),
  task: z.record(z.string(), z.unknown()),
});

/**
 * Writes `config.json` and `model.safetensors` (f32) into an existing directory.
 *
 * @throws CheckpointError when the tokenizer is not the one the model's vocabulary belongs to, or the disk is full
 */
export async function saveModel(
  dir: string,
  policy: Policy,
  about: Pick<ModelManifest, "tokenizer" | "task">,
): Promise<void> {
  const manifest: ModelManifest = { format: "reckon-2", model: policy.config, ...about };
  checkVocabulary(dir, manifest);
  const tensors: [string, SafetensorsTensor][] = [];
  for (const { name, shape, buffer } of policy.parameters.entries)
    tensors.push([name, { dtype: "F32", shape, data: await readF32(policy.device, buffer) }]);
  writeFileAtomic(join(dir, "config.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeSafetensors(join(dir, "model.safetensors"), tensors, { format: "reckon-2" });
}

/**
 * Loads a checkpoint that `saveModel` wrote.
 *
 * @param options trained: whether gradients are kept
 * @returns a policy of the caller's, to be closed with `closePolicy`
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
  try {
    fill(policy, tensors, path);
  } catch (error) {
    closePolicy(policy);
    throw error;
  }
  return { policy, manifest };
}

/** Writes every tensor into the parameter of its name. @throws CheckpointError listing all that do not fit */
function fill(policy: Policy, tensors: ReadonlyMap<string, SafetensorsTensor>, path: string): void {
  const problems: string[] = [];
  for (const { name, shape, buffer } of policy.parameters.entries) {
    const tensor = tensors.get(name);
    if (!tensor) problems.push(`${name} is missing`);
    else if (tensor.dtype !== "F32" || tensor.shape.join() !== shape.join())
      problems.push(`${name}: expected F32 [${shape}], got ${tensor.dtype} [${tensor.shape}]`);
    else policy.device.write(buffer, tensor.data as Float32Array);
  }
  for (const name of tensors.keys())
    if (!policy.parameters.has(name)) problems.push(`${name} is not part of this model`);
  if (problems.length > 0)
    throw new CheckpointError(
      `${path} does not fit its config.json: ${problems.join("; ")}; was one of them replaced?`,
    );
}

/**
 * config.json of a model directory, every field checked.
 *
 * @throws CheckpointError when it is missing, is not a reckon model's, or a field is missing or out of range
 */
export function readModelManifest(dir: string): ModelManifest {
  const path = join(dir, "config.json");
  if (!existsSync(path))
    throw new CheckpointError(
      `${dir}: expected a model directory with config.json and model.safetensors, found no config.json; ` +
        "a run's models are in runs/NAME/final and runs/NAME/checkpoints/*",
    );
  let manifest: { format?: unknown } | null;
  try {
    manifest = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CheckpointError(`${path}: not JSON (${(error as Error).message}); copy the checkpoint again`, {
      cause: error,
    });
  }
  if (manifest?.format !== "reckon-2")
    throw new CheckpointError(
      `${path}: expected a model written by reckon (format reckon-2), got format ${JSON.stringify(manifest?.format)}; ` +
        "language models are for reckon chat, generate, score, export, eval --recipe and recipes on problems in words",
    );
  const checked = manifestSchema.safeParse(manifest);
  if (!checked.success) {
    const problems = checked.error.issues.map(({ path: at, message }) => `${at.join(".")}: ${message}`);
    throw new CheckpointError(`${path}: ${problems.join("; ")}; copy the checkpoint again`);
  }
  try {
    checkDecoderConfig(checked.data.model);
  } catch (error) {
    throw new CheckpointError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  checkVocabulary(path, checked.data);
  return checked.data;
}

/** Ids the tokenizer cannot read, or the model has no embedding for, would show only when they are met. */
function checkVocabulary(place: string, { model, tokenizer }: ModelManifest): void {
  if (model.vocabularySize !== MATH_TOKENS.length)
    throw new CheckpointError(
      `${place}: expected the ${MATH_TOKENS.length} tokens of tokenizer ${tokenizer}, got a model of ` +
        `vocabularySize ${model.vocabularySize}; a model can be kept only with the tokenizer it was made for`,
    );
}

/** The contents of an f32 buffer, rounded to f32 on a device that computes in f64. */
export async function readF32(device: Device, buffer: DeviceBuffer): Promise<Float32Array<ArrayBuffer>> {
  const values = await device.read(buffer);
  return values instanceof Float32Array ? (values as Float32Array<ArrayBuffer>) : Float32Array.from(values);
}
