import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../../base/errors.ts";
import { parseBoundedJson } from "./bounded-json.ts";
import { checkpointFault, type FileBytes, openFileBytes } from "./file-bytes.ts";
import { readSafetensorsHeader, safetensorsFormats } from "./safetensors-header.ts";
import type { StoredTensor, WeightSource } from "./weight-source.ts";

/** What Hugging Face calls the two ways a model's directory may hold its weights. */
const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/** Twenty times the largest index there is; beside the map, metadata may hold what it likes, in moderation. */
const INDEX_BOUNDS = { bytes: 100_000_000, depth: 16, listLength: 1 << 16, bytesPerContainer: 64 };

/**
 * Opens the weights of a checkpoint without reading them: a `.safetensors` file, or a directory with
 * `model.safetensors` or the shards that `model.safetensors.index.json` lists.
 *
 * @returns tensors by name; close it when they have been read
 * @throws CheckpointError naming file, tensor and field when a file is missing, truncated, foreign or inconsistent, when
 *   index and shards disagree, or when a directory holds its weights as pickles alone, which are never read
 */
export function openSafetensors(path: string): WeightSource {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return openShards(path, [path], null);
  // In this order, as transformers does.
  if (existsSync(join(path, SINGLE))) return openShards(path, [join(path, SINGLE)], null);
  if (!existsSync(join(path, INDEX))) throw noWeights(path);
  const shardOf = readIndex(join(path, INDEX));
  return openShards(
    path,
    [...new Set(shardOf.values())].sort().map((file) => join(path, file)),
    shardOf,
  );
}

/** Opens every file, or none. */
function openShards(path: string, paths: readonly string[], shardOf: ReadonlyMap<string, string> | null): WeightSource {
  const files: FileBytes[] = [];
  const close = () => {
    for (const file of files.splice(0)) file.close();
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const one of paths) {
      const file = openFileBytes(one);
      files.push(file);
      for (const tensor of tensorsOf(file)) {
        if (shardOf !== null && join(path, shardOf.get(tensor.name) ?? "") !== one)
          throw checkpointFault(
            one,
            `tensor ${JSON.stringify(tensor.name)}: expected in ${shardOf.get(tensor.name) ?? "no shard"} by ${INDEX}, found here`,
          );
        tensors.set(tensor.name, tensor);
      }
    }
    for (const [name, file] of shardOf ?? []) {
      if (!tensors.has(name))
        throw checkpointFault(
          join(path, file),
          `tensor ${JSON.stringify(name)}: expected here by ${INDEX}, found nowhere`,
        );
    }
    return { path, tensors, close };
  } catch (error) {
    close();
    throw error;
  }
}

function tensorsOf(file: FileBytes): StoredTensor[] {
  return readSafetensorsHeader(file).entries.map(({ name, dtype, shape, begin, end }) => ({
    name,
    path: file.path,
    shape,
    format: safetensorsFormats[dtype],
    bytes: () => file.read(begin, end),
    release: () => file.release(begin, end),
  }));
}

/** Shard of each tensor, by name. @throws CheckpointError when the index is not what Hugging Face writes */
function readIndex(path: string): Map<string, string> {
  const file = openFileBytes(path);
  let map: unknown;
  try {
    if (file.size > INDEX_BOUNDS.bytes) throw new Error(`${file.size} bytes, more than ${INDEX_BOUNDS.bytes}`);
    const index = parseBoundedJson(file.read(0, file.size), INDEX_BOUNDS);
    map = (index as { weight_map?: unknown } | null)?.weight_map;
  } catch (error) {
    throw checkpointFault(path, `expected JSON, got ${(error as Error).message}`);
  } finally {
    file.close();
  }
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw checkpointFault(path, "weight_map: expected an object of file names by tensor");
  const shardOf = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    // A name alone: an index must not reach out of its directory.
    if (typeof file !== "string" || !/^[^/\\:\0]+\.safetensors$/.test(file))
      throw checkpointFault(
        path,
        `weight_map: ${JSON.stringify(name.slice(0, 200))}: expected the name of a .safetensors file beside the index, got ${String(JSON.stringify(file)).slice(0, 80)}`,
      );
    shardOf.set(name, file);
  }
  return shardOf;
}

function noWeights(path: string): CheckpointError {
  const pickle = readdirSync(path).find((name) => /\.(bin|pt|pth|ckpt|pkl)$/.test(name));
  const expected = `${path}: expected ${SINGLE} or ${INDEX}, found neither`;
  if (pickle === undefined) return new CheckpointError(`${expected}; check --model, or fetch the checkpoint again`);
  return new CheckpointError(
    `${expected} but ${pickle}: a pickle can run any program when it is read, so none is ever read here; ` +
      "take a revision with safetensors, or convert it where you trust it, in Python: " +
      "AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(OUT)",
  );
}
