import { existsSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import type { HubProgress } from "../base/hub/snapshot.ts";
import { type DeviceOptions, openDevice } from "../engine/registry.ts";
import { readAdapterManifest } from "../model/adapter-checkpoint.ts";
import { openGguf } from "../model/formats/gguf.ts";
import { attachPeft } from "../model/peft.ts";
import { closePolicy, type Policy } from "../model/policy.ts";
import { loadPretrained, type PretrainedOptions } from "../model/pretrained.ts";
import { type ResolvedModel, resolveModel } from "../model/resolve-model.ts";
import { tokenizerFromGguf } from "../prompt/gguf-tokenizer.ts";
import { openTokenizer, type TextTokenizer } from "../prompt/text-tokenizer.ts";
import { newestCheckpoint, runExists } from "../runs/run-reader.ts";

/** How a published model is opened. */
export interface TextModelOptions {
  /** Directory of an adapter in PEFT's format, or of a run that trained one. */
  adapter?: string;
  /** How weights are held in memory; default `stored`. */
  weights?: PretrainedOptions["frozen"];
  /** Longest sequence, prompt and completion together; default the model's. */
  context?: number;
  device: DeviceOptions;
  /** Sees how far a download is. */
  onDownload?: (progress: HubProgress) => void;
}

/** A published model, ready to read and write text. */
export interface TextModel {
  policy: Policy;
  tokenizer: TextTokenizer;
  /** Where its files are. */
  resolved: ResolvedModel;
  /** The adapter's directory; null without one. */
  adapter: string | null;
  /** Gives memory and threads back. */
  close(): void;
}

/**
 * Opens a published model, from this machine or the hub, on a device of its own. A run that trained an adapter, or its
 * final model, stands for the base it names with the adapter on it.
 *
 * @throws CheckpointError when a file is missing, broken or not supported, or the adapter is of another base; DeviceError
 */
export async function openTextModel(reference: string, options: TextModelOptions): Promise<TextModel> {
  const { adapter = null, weights = "stored", context, onDownload } = options;
  const own = adapter === null ? adapterOf(reference) : null;
  const directory = own ?? (adapter === null ? null : finalOf(adapter));
  const resolved = await resolveModel(own === null ? finalOf(reference) : readAdapterManifest(own).base.from, {
    onProgress: onDownload,
  });
  const tokenizer = tokenizerOf(resolved);
  const device = openDevice(options.device);
  try {
    const { policy: base, modelType } = await loadPretrained(device, resolved, { frozen: weights, context });
    const policy = directory === null ? base : attachPeft(base, directory, { modelType, trained: false });
    const close = () => {
      closePolicy(policy);
      device.close();
    };
    return { policy, tokenizer, resolved, adapter: directory, close };
  } catch (error) {
    device.close();
    throw error;
  }
}

/** The tokenizer that belongs to a model's files. @throws CheckpointError when it is missing or broken */
export function tokenizerOf({ kind, path }: ResolvedModel): TextTokenizer {
  if (kind === "directory") return openTokenizer(path);
  const { metadata, source } = openGguf(path);
  source.close();
  return tokenizerFromGguf(metadata, path);
}

/** The directory of the adapter that a reference names by itself; null when it names no adapter. */
function adapterOf(reference: string): string | null {
  const directory = finalOf(reference);
  return existsSync(join(directory, "adapter_config.json")) && existsSync(join(directory, "config.json"))
    ? directory
    : null;
}

/** A run's final model in the place of the run's directory; anything else as it is. */
function finalOf(reference: string): string {
  if (!runExists(reference)) return reference;
  const final = join(reference, "final");
  if (existsSync(final)) return final;
  const newest = newestCheckpoint(reference);
  throw new CheckpointError(
    `${reference}: expected a finished run, this one is not; ${newest ? `its newest checkpoint is ${newest}` : "it has no checkpoint yet"}`,
  );
}
