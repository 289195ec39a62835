import { existsSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import { readF32 } from "../model/checkpoint.ts";
import { readSafetensors, type SafetensorsTensor, writeSafetensors } from "../model/formats/safetensors.ts";
import type { Policy } from "../model/policy.ts";
import { ValueHead } from "../model/value-head.ts";
import { AdamW, type AdamWOptions } from "../update/adamw.ts";
import type { Critic } from "./ppo-run.ts";

/** A fresh critic on a policy's trunk. Close it with `closeCritic`. */
export function createCritic({ device, config }: Policy, options: AdamWOptions & { seed: number }): Critic {
  const head = new ValueHead(device, config.width, { seed: options.seed, trained: true });
  try {
    return { head, optimizer: new AdamW(head.parameters, options) };
  } catch (error) {
    head.close();
    throw error;
  }
}

/** Gives a critic's memory back. */
export function closeCritic({ head, optimizer }: Critic): void {
  optimizer.close();
  head.close();
}

/** The file of a checkpoint that holds its critic: the value head and both moments of its optimizer, f32. */
const criticFile = "critic.safetensors";

/** Whether a model directory holds a critic beside the model. */
export const hasCritic = (dir: string): boolean => existsSync(join(dir, criticFile));

/** Writes a critic into an existing directory. @throws CheckpointError when the disk is full */
export async function saveCritic(dir: string, { head: { parameters }, optimizer }: Critic): Promise<void> {
  const { device, length } = parameters;
  const tensors: [string, SafetensorsTensor][] = [];
  for (const { name, shape, buffer } of parameters.entries)
    tensors.push([name, { dtype: "F32", shape, data: await readF32(device, buffer) }]);
  for (const name of ["first", "second"] as const)
    tensors.push([name, { dtype: "F32", shape: [length], data: await readF32(device, optimizer[name]) }]);
  writeSafetensors(join(dir, criticFile), tensors);
}

/**
 * Restores a critic that `saveCritic` wrote.
 *
 * @param updates that its optimizer had done
 * @throws CheckpointError when the file is missing, broken, or of a trunk of another width
 */
export function loadCritic(dir: string, { head: { parameters }, optimizer }: Critic, updates: number): void {
  const path = join(dir, criticFile);
  const { tensors } = readSafetensors(path);
  const places = [
    ...parameters.entries,
    ...(["first", "second"] as const).map((name) => ({ name, shape: [parameters.length], buffer: optimizer[name] })),
  ];
  for (const { name, shape, buffer } of places) {
    const tensor = tensors.get(name);
    if (tensor?.dtype !== "F32" || tensor.shape.join() !== shape.join())
      throw new CheckpointError(
        `${path}: expected ${name} as F32 [${shape}], got ${tensor ? `${tensor.dtype} [${tensor.shape}]` : "nothing"}; ` +
          "the checkpoint is of another model: delete it or start a new run",
      );
    parameters.device.write(buffer, tensor.data as Float32Array);
  }
  optimizer.steps = updates;
}
