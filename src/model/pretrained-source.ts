import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import type { Architecture, Place } from "./architectures/architecture.ts";
import { ConfigFields } from "./architectures/config-fields.ts";
import { rotaryTensors } from "./architectures/gguf-fields.ts";
import { architectureOf, ggufArchitectureOf } from "./architectures/index.ts";
import { type DecoderConfig, decoderProblems } from "./config.ts";
import { parseBoundedJson } from "./formats/bounded-json.ts";
import { openGguf } from "./formats/gguf.ts";
import { openSafetensors } from "./formats/safetensors-source.ts";
import type { WeightSource } from "./formats/weight-source.ts";
import type { ResolvedModel } from "./resolve-model.ts";

/** Thousands of times what a config.json of any model takes. */
const CONFIG_BOUNDS = { bytes: 20_000_000, depth: 64, listLength: 1 << 20, bytesPerContainer: 8 };

/** A published model whose configuration has been read and whose tensors have not. */
export interface PretrainedSource {
  architecture: Architecture;
  config: DecoderConfig;
  /** What to know of how the configuration was understood, e.g. that a sliding window bounds sequences. */
  notes: readonly string[];
  source: WeightSource;
  /** Where an array of ours may lie in it. */
  places(name: string): Place[];
  /** Stored tensors that belong to the format and hold no weights. */
  ignores(name: string): boolean;
}

/**
 * Reads the configuration of a model and opens its tensors; close `source` when they have been read.
 *
 * @throws CheckpointError naming file and field when a file is missing or broken, the architecture is unknown, or a field
 *   is missing, out of range or means something that is not computed
 */
export function openPretrained({ kind, path }: Pick<ResolvedModel, "kind" | "path">): PretrainedSource {
  return kind === "gguf" ? openGgufModel(path) : openDirectory(path);
}

function openDirectory(directory: string): PretrainedSource {
  const path = join(directory, "config.json");
  const record = readConfigFile(path);
  const architecture = architectureOf(record.model_type, path);
  const fields = new ConfigFields(path, record);
  const config = checked(fields, () => architecture.readConfig(fields));
  return {
    architecture,
    config,
    notes: fields.notes,
    source: openSafetensors(directory),
    places: (name) => architecture.places(name, config),
    // A copy of the embedding beside a tied head, and tables that old versions of transformers saved.
    ignores: (name) => (config.tiedOutput && name === "lm_head.weight") || name.endsWith(".rotary_emb.inv_freq"),
  };
}

function openGgufModel(path: string): PretrainedSource {
  const { source, metadata } = openGguf(path);
  try {
    const name = metadata["general.architecture"];
    const prefix = `${name}.`;
    const own = Object.entries(metadata).filter(([key]) => key.startsWith(prefix));
    const fields = new ConfigFields(
      path,
      Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])),
    );
    const { architecture, gguf } = ggufArchitectureOf(name, fields);
    const config = checked(fields, () => gguf.readConfig(fields, source.tensors));
    return {
      architecture,
      config,
      notes: fields.notes,
      source,
      places: (array) => gguf.places(array, config),
      ignores: (tensor) => rotaryTensors.includes(tensor),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** A configuration whose fields are all there, and fit each other. */
function checked(fields: ConfigFields, read: () => DecoderConfig): DecoderConfig {
  const config = read();
  fields.check();
  const problems = decoderProblems(config).map(({ field, text }) => `${field}: ${text}`);
  if (problems.length > 0)
    throw new CheckpointError(`${fields.path}: ${problems.join("; ")}; fetch the checkpoint again`);
  return config;
}

/** The object in a config.json. @throws CheckpointError when there is none */
export function readConfigFile(path: string): Record<string, unknown> {
  if (!existsSync(path))
    throw new CheckpointError(`${path}: no such file; a model's directory has it beside its weights`);
  const refuse = (problem: string, cause?: unknown) =>
    new CheckpointError(`${path}: expected JSON of an object, got ${problem}; fetch the checkpoint again`, { cause });
  // A file of gigabytes is refused unread.
  const { size } = statSync(path);
  if (size > CONFIG_BOUNDS.bytes) throw refuse(`${size} bytes, more than ${CONFIG_BOUNDS.bytes}`);
  let value: unknown;
  try {
    value = parseBoundedJson(readFileSync(path), CONFIG_BOUNDS);
  } catch (error) {
    throw refuse((error as Error).message, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refuse(Array.isArray(value) ? "a list" : String(JSON.stringify(value)).slice(0, 80));
  return value as Record<string, unknown>;
}
