import { existsSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import type { HubOptions, HubProgress } from "../base/hub/snapshot.ts";
import { type DeviceOptions, openDevice } from "../engine/registry.ts";
import { readAdapterManifest } from "../model/adapter-checkpoint.ts";
import { openGguf } from "../model/formats/gguf.ts";
import { attachPeft } from "../model/peft.ts";
import { closePolicy, type Policy } from "../model/policy.ts";
import { loadPretrained, type PretrainedOptions } from "../model/pretrained.ts";
import { type ResolvedModel, resolveModel } from "../model/resolve-model.ts";
import { tokenizerFromGguf } from "../prompt/gguf-tokenizer.ts";
import { openTokenizer, type TextTokenizer } from "../prompt/text-tokenizer.ts";
import { isArithmeticModel, modelDirectory } from "./model-directory.ts";
import { identityOf } from "./model-identity.ts";
import { remarksOnSource } from "./remarks.ts";

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
  /** Directory, file or hub id of the base, as it was named. */
  base: string;
  /** `model_type` of the base. */
  modelType: string;
  /** Where the base's files are. */
  resolved: ResolvedModel;
  /** The adapter's directory; null without one. */
  adapter: string | null;
  /** What a user should know of how it was read. */
  notes: readonly string[];
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
  const directory = own ?? (adapter === null ? null : modelDirectory(adapter));
  const base = own === null ? modelDirectory(reference) : readAdapterManifest(own).base.from;
  if (isArithmeticModel(base))
    throw new CheckpointError(
      `${base}: expected a language model, this one was made by reckon for arithmetic alone, in tokens that no other ` +
        "program has; use reckon sample and reckon eval",
    );
  if (adapter !== null && adapterOf(reference) !== null)
    throw new CheckpointError(
      `${reference}: expected the base of the adapter ${adapter}, this is an adapter itself; name its base as --model`,
    );
  const resolved = await resolveBase(base, own, { onProgress: onDownload });
  const tokenizer = tokenizerOf(resolved);
  const device = openDevice(options.device);
  try {
    const { policy: bare, modelType, notes } = loadPretrained(device, resolved, { frozen: weights, context });
    const policy = directory === null ? bare : attachPeft(bare, directory, { modelType, trained: false });
    const close = () => {
      closePolicy(policy);
      device.close();
    };
    return {
      policy,
      tokenizer,
      base,
      modelType,
      resolved,
      adapter: directory,
      notes: [
        ...remarksOnSource(base, resolved),
        ...notes,
        ...(directory === null ? [] : remarksOnBase(directory, resolved)),
      ],
      close,
    };
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
  const directory = modelDirectory(reference);
  if (!existsSync(join(directory, "adapter_config.json"))) return null;
  if (existsSync(join(directory, "config.json"))) return directory;
  throw new CheckpointError(
    `${directory}: expected a model, this is an adapter that does not say where its base is; give the base as --model and ` +
      "this as --adapter",
  );
}

/** `resolveModel`, for which a run's own adapter may name the base by a path that holds no longer, or not from here. */
async function resolveBase(base: string, adapter: string | null, options: HubOptions): Promise<ResolvedModel> {
  try {
    return await resolveModel(base, options);
  } catch (error) {
    if (adapter === null || !(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(
      `${adapter}: its base was not found: ${error.message}; give the base as --model and this as --adapter`,
      { cause: error },
    );
  }
}

/** What is odd about a base under an adapter that knows which one it was trained on; empty when nothing is. */
function remarksOnBase(adapter: string, resolved: ResolvedModel): string[] {
  if (!existsSync(join(adapter, "config.json"))) return [];
  const { from, identity } = readAdapterManifest(adapter).base;
  if (identity === null || identity === identityOf(resolved)) return [];
  return [
    `the adapter was trained on ${from}, and the weights at ${resolved.path} are others: right only where they are the ` +
      "same model in another format",
  ];
}
