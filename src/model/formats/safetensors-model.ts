import { closeSync, fsyncSync, openSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import {
  asidePath,
  discard,
  explainWriteFailure,
  syncPath,
  writeFileAtomic,
  writeFully,
} from "../../base/atomic-file.ts";
import { CheckpointError } from "../../base/errors.ts";
import { encodeWeight } from "../../engine/weight-formats.ts";
import { firstBeyondF16, narrowBf16 } from "./narrow.ts";
import { bytesOf, encodeHeader } from "./safetensors-header.ts";
import { elementsOf } from "./weight-source.ts";

/** Formats that weights are published in. */
export type PublishedFormat = "F32" | "BF16" | "F16";

/** One tensor of a model to be written. */
export interface OutgoingTensor {
  name: string;
  shape: readonly number[];
  dtype: PublishedFormat;
  /** Its values, row-major; asked for once, when its turn comes, and not kept. */
  values(): Float32Array | Promise<Float32Array>;
}

/** What Hugging Face's own writer allows a file. */
const DEFAULT_SHARD_BYTES = 5_000_000_000;

/**
 * Writes a model's weights as transformers does: `model.safetensors`, or `model-00001-of-0000N.safetensors` with
 * `model.safetensors.index.json` when they take more than `maxShardBytes`. One tensor is in memory at a time; all files
 * get their names when the last is complete. bf16 and f16 are rounded to nearest, ties to even.
 *
 * @param dir existing directory without weights
 * @param tensors in the order in which they are to lie; one that is larger than a shard has a shard of its own
 * @returns names of the files that hold the weights
 * @throws CheckpointError when the directory holds weights, a name comes twice, values do not fit their shape or are too
 *   large for f16, or the disk is full; nothing is left behind
 */
export async function writeSafetensorsModel(
  dir: string,
  tensors: readonly OutgoingTensor[],
  { maxShardBytes = DEFAULT_SHARD_BYTES }: { maxShardBytes?: number } = {},
): Promise<string[]> {
  // A file left beside new shards would be read in their stead.
  const there = readdirSync(dir).find((name) => /\.safetensors(\.index\.json)?$/.test(name));
  if (there !== undefined)
    throw new CheckpointError(`${dir}: already holds weights (${there}); choose a new directory, or remove them first`);
  const seen = new Set<string>();
  const twice = tensors.find(({ name }) => seen.size === seen.add(name).size);
  if (twice !== undefined)
    throw new CheckpointError(`${dir}: tensor ${JSON.stringify(twice.name)} comes twice; give each a name of its own`);
  const shards = shardsOf(tensors, maxShardBytes);
  const names = shards.map((_, i) => shardName(i, shards.length));
  const asides = names.map((name) => asidePath(join(dir, name)));
  try {
    for (const [i, shard] of shards.entries()) await writeShard(asides[i], join(dir, names[i]), shard);
    for (const [i, aside] of asides.entries()) renameSync(aside, join(dir, names[i]));
    if (shards.length > 1) writeIndex(dir, shards, names);
  } catch (error) {
    for (const path of [...asides, ...names.map((name) => join(dir, name))]) discard(path);
    throw error;
  }
  syncPath(dir);
  return names;
}

/** Fills each shard before the next; at least one, be it empty. */
function shardsOf(tensors: readonly OutgoingTensor[], maxShardBytes: number): OutgoingTensor[][] {
  const shards: OutgoingTensor[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    if (filled > 0 && filled + bytes > maxShardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards[shards.length - 1].push(tensor);
    filled += bytes;
  }
  return shards;
}

function shardName(index: number, count: number): string {
  if (count === 1) return "model.safetensors";
  const five = (number: number) => String(number).padStart(5, "0");
  return `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}

async function writeShard(aside: string, path: string, tensors: readonly OutgoingTensor[]): Promise<void> {
  // transformers asks for a format; torch's is row-major, as ours.
  const header = encodeHeader(path, tensors, { format: "pt" });
  let bytes = header.byteLength;
  try {
    const fd = openSync(aside, "wx");
    try {
      writeFully(fd, header);
      for (const tensor of tensors) {
        const data = encode(tensor, await tensor.values(), path);
        bytes += data.byteLength;
        writeFully(fd, data);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw explainWriteFailure(error, { path, bytes });
  }
}

function encode({ name, shape, dtype }: OutgoingTensor, values: Float32Array, path: string): Uint8Array {
  const where = `${path}: tensor ${JSON.stringify(name)}`;
  if (values.length !== elementsOf(shape))
    throw new CheckpointError(
      `${where}: expected ${elementsOf(shape)} values for shape [${shape}], got ${values.length}`,
    );
  if (dtype === "F16") {
    const at = firstBeyondF16(values);
    if (at !== -1)
      throw new CheckpointError(`${where}: ${values[at]} is too large for f16 (at most 65504); write bf16 or f32`);
    return encodeWeight("f16", values, [1, values.length]);
  }
  const data = dtype === "F32" ? values : narrowBf16(values);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function writeIndex(dir: string, shards: readonly OutgoingTensor[][], names: readonly string[]): void {
  const entries = shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]] as const));
  const total = shards.flat().reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  // Written by hand: an object would move names that look like numbers to the front.
  const map = entries.map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`).join(",\n");
  const text = `{\n  "metadata": {\n    "total_size": ${total}\n  },\n  "weight_map": {\n${map}\n  }\n}\n`;
  writeFileAtomic(join(dir, "model.safetensors.index.json"), text);
}
