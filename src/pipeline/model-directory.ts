import { existsSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import { readConfigFile } from "../model/pretrained-source.ts";
import { newestCheckpoint, runExists } from "../runs/run-reader.ts";

/**
 * The model that `--model` names: a model's directory as it is, a run's directory for its finished model.
 *
 * @throws CheckpointError when a run is named that has no finished model yet
 */
export function modelDirectory(dir: string): string {
  if (existsSync(join(dir, "config.json")) || !runExists(dir)) return dir;
  const final = join(dir, "final");
  if (existsSync(final)) return final;
  const newest = newestCheckpoint(dir);
  throw new CheckpointError(
    `${dir}: expected a finished run, this one is not; ${newest ? `its newest checkpoint is ${newest}` : "it has no checkpoint yet"}`,
  );
}

/**
 * Whether a model writes arithmetic in tokens of its own, and has no words; judged by config.json alone.
 *
 * @param reference as `--model` names it; a hub id or nothing at all is no such model
 * @throws CheckpointError when config.json is broken, or as `modelDirectory`
 */
export function isArithmeticModel(reference: string): boolean {
  const path = join(modelDirectory(reference), "config.json");
  return existsSync(path) && /^reckon-\d/.test(String(readConfigFile(path).format));
}

/** Whether there is a language model at a path: a GGUF file, an adapter, or a checkpoint in Hugging Face's layout. */
export function isLanguageModel(reference: string): boolean {
  const dir = modelDirectory(reference);
  if (dir.toLowerCase().endsWith(".gguf") || existsSync(join(dir, "adapter_config.json"))) return true;
  const path = join(dir, "config.json");
  return existsSync(path) && readConfigFile(path).model_type !== undefined;
}
