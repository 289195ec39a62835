import { CheckpointError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import type { Architecture } from "./architecture.ts";
import type { ConfigFields } from "./config-fields.ts";
import { graniteMoe } from "./granitemoe.ts";
import { llama } from "./llama.ts";
import { mixtral } from "./mixtral.ts";
import { olmoe } from "./olmoe.ts";
import { phiMoe } from "./phimoe.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3-moe.ts";

/** Every architecture that can be loaded. */
export const architectures: readonly Architecture[] = [
  llama,
  qwen2,
  qwen3,
  qwen3Moe,
  graniteMoe,
  phiMoe,
  mixtral,
  olmoe,
];

/**
 * The architecture of a config.json's `model_type`.
 *
 * @param path the file, for messages
 * @throws CheckpointError listing those there are
 */
export function architectureOf(modelType: unknown, path: string): Architecture {
  const found = architectures.find((one) => one.modelType === modelType);
  if (found) return found;
  throw unknown(
    path,
    "model_type",
    modelType,
    architectures.map((one) => one.modelType),
  );
}

/**
 * The architecture of a GGUF file.
 *
 * @param name the value of `general.architecture`
 * @param fields metadata under that name
 * @throws CheckpointError listing those there are
 */
export function ggufArchitectureOf(
  name: unknown,
  fields: ConfigFields,
): { architecture: Architecture; gguf: NonNullable<Architecture["gguf"]> } {
  for (const architecture of architectures) {
    const { gguf } = architecture;
    if (gguf?.name === name && (gguf?.matches?.(fields) ?? true)) return { architecture, gguf: gguf! };
  }
  const known = architectures.flatMap(({ gguf }) => (gguf ? [gguf.name] : []));
  throw unknown(fields.path, "general.architecture", name, [...new Set(known)]);
}

function unknown(path: string, field: string, value: unknown, known: string[]): CheckpointError {
  const near = typeof value === "string" ? nearest(value, known) : null;
  return new CheckpointError(
    `${path}: ${field}: expected one of ${known.join(", ")}, got ${String(JSON.stringify(value)).slice(0, 80)}` +
      `${near ? ` (is ${near} meant?)` : ""}; take a model of one of these architectures`,
  );
}
