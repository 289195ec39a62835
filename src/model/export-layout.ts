import { CheckpointError } from "../base/errors.ts";
import type { Architecture } from "./architectures/architecture.ts";
import type { DecoderConfig } from "./config.ts";
import { decoderArrays } from "./definitions.ts";

/** What one array of ours puts into a stored tensor. */
interface Share {
  /** `layers.3.gate.weight`. */
  name: string;
  /** First value taken, and how many in all. */
  from: number;
  count: number;
  /** Values that follow each other on both sides, the place of the first run, and the distance from run to run. */
  run: number;
  at: number;
  stride: number;
}

/** One tensor of a checkpoint to be written. */
export interface ExportedTensor {
  name: string;
  shape: number[];
  shares: Share[];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, axis) => product * axis, 1);

/**
 * The tensors of a checkpoint in Hugging Face's layout, as published ones name them, in the decoder's order: what is fused
 * there is fused, experts that are apart there are taken apart.
 */
export function exportLayout(architecture: Architecture, config: DecoderConfig): ExportedTensor[] {
  const tensors = new Map<string, ExportedTensor>();
  for (const { name, shape } of decoderArrays(config)) {
    const [{ names, perExpert = false, part = { index: 0, of: 1 }, pairedHeads }] = architecture.places(name, config);
    if (pairedHeads) throw new CheckpointError(`export: ${name}: ${architecture.modelType} cannot be written yet`);
    const own = perExpert ? shape.slice(1) : shape;
    const count = sizeOf(own);
    // Of a stack, each expert's share is a run.
    const run = sizeOf(own.slice(-2));
    const stored = [...own];
    if (part.of > 1) stored[stored.length - 2] *= part.of;
    names.forEach((storedName, e) => {
      const tensor = tensors.get(storedName) ?? { name: storedName, shape: stored, shares: [] };
      tensor.shares.push({ name, from: e * count, count, run, at: part.index * run, stride: part.of * run });
      tensors.set(storedName, tensor);
    });
  }
  return [...tensors.values()];
}

/**
 * The values of a stored tensor.
 *
 * @param valuesOf the values of an array of ours, by name
 */
export async function exportedValues(
  { shape, shares }: ExportedTensor,
  valuesOf: (name: string) => Promise<Float32Array>,
): Promise<Float32Array> {
  const values = new Float32Array(sizeOf(shape));
  for (const { name, from, count, run, at, stride } of shares) {
    const own = await valuesOf(name);
    for (let done = 0, to = at; done < count; done += run, to += stride)
      values.set(own.subarray(from + done, from + done + run), to);
  }
  return values;
}
