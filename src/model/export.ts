import { copyFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { asidePath, writeFileAtomic } from "../base/atomic-file.ts";
import { makeDirectories } from "../base/directories.ts";
import { DataError } from "../base/errors.ts";
import { ggufAdapterCard, sourceRepositoryOf } from "./adapter-card.ts";
import { architectureOf } from "./architectures/index.ts";
import { exportedValues, exportLayout } from "./export-layout.ts";
import { type PublishedFormat, writeSafetensorsModel } from "./formats/safetensors-model.ts";
import { mergedValues } from "./merge.ts";
import { writePeft } from "./peft.ts";
import type { Policy } from "./policy.ts";
import { type LogitGap, verifyAdapter, verifyMerged } from "./verify-export.ts";

/** What is exported, and from what. */
export interface ExportOptions {
  /** `adapter`: PEFT's files; `merged`: a full checkpoint in Hugging Face's layout, the adapter put into its weights. */
  form: "adapter" | "merged";
  /** `model_type` of the base. */
  modelType: string;
  /** Directory, file or hub id of the base, for `base_model_name_or_path`. */
  baseName: string;
  /** The base's GGUF file; null, the default: it is none. */
  baseGguf?: string | null;
  /** Directory of the base, whose config.json and tokenizer files go along; null: it is a single file. */
  baseDirectory: string | null;
  /** Texts of tokenizer files by name, where the base is a single file. */
  files?: Readonly<Record<string, string>> | null;
  /** How a full checkpoint's weights are written; default bf16. */
  dtype?: PublishedFormat;
}

/** What was written, and how far the logits of what was read back are from those of the policy. */
export interface ExportReport extends LogitGap {
  /** What a user should know: files that there were none of. */
  notes: string[];
}

const textFiles = [
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "tokenizer.model",
  "chat_template.jinja",
  "chat_template.json",
];

/**
 * Writes a policy as other programs read it, reads it back, and compares it with the policy before it gets its name: a
 * directory that is there is one that was right.
 *
 * @param dir does not exist yet
 * @throws DataError when it does
 * @throws CheckpointError when the adapter or architecture cannot be written, the disk is full, or what was read back is
 * not the policy; nothing is left at `dir` then
 */
export async function exportModel(policy: Policy, dir: string, options: ExportOptions): Promise<ExportReport> {
  if (existsSync(dir)) throw new DataError(`${dir}: expected a path where nothing is yet; choose another, or move it`);
  const aside = asidePath(dir);
  try {
    makeDirectories(aside);
    const notes =
      options.form === "adapter"
        ? await writeAdapter(policy, aside, options)
        : await writeMerged(policy, aside, options);
    const { form, modelType, dtype = "BF16" } = options;
    const gap =
      form === "adapter" ? await verifyAdapter(policy, aside, modelType) : await verifyMerged(policy, aside, dtype);
    renameSync(aside, dir);
    return { ...gap, notes };
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
}

async function writeAdapter(
  policy: Policy,
  dir: string,
  { modelType, baseName, baseGguf = null }: ExportOptions,
): Promise<string[]> {
  const repository = baseGguf && sourceRepositoryOf(baseGguf);
  await writePeft(dir, policy, { modelType, name: repository ?? baseName });
  if (baseGguf === null) return [];
  writeFileAtomic(join(dir, "README.md"), ggufAdapterCard(baseGguf, repository));
  return [
    repository === null
      ? "the base is a GGUF file, which PEFT does not open by itself; README.md says how to load it"
      : `PEFT will look for the base at ${repository}, from which the GGUF file says it was converted; see README.md`,
  ];
}

/**
 * Writes a policy's weights, an adapter put into them, as a full checkpoint in Hugging Face's layout into an existing
 * directory, without reading it back.
 *
 * @returns what a user should know: files that there were none of
 * @throws CheckpointError when the architecture cannot be written or the disk is full
 */
export async function writeMerged(
  policy: Policy,
  dir: string,
  { modelType, baseDirectory, files, dtype = "BF16" }: Omit<ExportOptions, "form" | "baseName">,
): Promise<string[]> {
  const { config } = policy;
  const architecture = architectureOf(modelType, dir);
  // Stored tensors of one array of ours follow each other: it is merged once.
  let last: { name: string; values: Float32Array } | null = null;
  const valuesOf = async (name: string) => {
    if (last?.name !== name) last = { name, values: await mergedValues(policy, name) };
    return last.values;
  };
  await writeSafetensorsModel(
    dir,
    exportLayout(architecture, config).map((tensor) => ({
      name: tensor.name,
      shape: tensor.shape,
      dtype,
      values: () => exportedValues(tensor, valuesOf),
    })),
  );
  const text = baseDirectory
    ? readFileSync(join(baseDirectory, "config.json"), "utf8")
    : floatsText({
        architectures: [architecture.className],
        model_type: modelType,
        torch_dtype: "float32",
        ...architecture.writeConfig({ ...config, maxPositions: policy.ownPositions }),
      });
  writeFileAtomic(join(dir, "config.json"), withDtype(text, dtype));
  if (baseDirectory === null) {
    for (const [name, content] of Object.entries(files ?? {})) writeFileAtomic(join(dir, name), content);
    return files ? [] : ["no tokenizer files were written: the base is a single file, whose tokenizer has none"];
  }
  for (const name of textFiles)
    if (existsSync(join(baseDirectory, name))) copyFileSync(join(baseDirectory, name), join(dir, name));
  return [];
}

/**
 * The text of a config.json with another dtype. Edited as text: transformers refuses a whole number for a float, and parsed
 * and written again 0.0 would be 0.
 */
function withDtype(text: string, dtype: PublishedFormat): string {
  const name = { F32: "float32", F16: "float16", BF16: "bfloat16" }[dtype];
  const known = /"(torch_dtype|dtype)"(\s*):(\s*)(null|"\w*")/g;
  if (!known.test(text)) return text.replace("{", `{\n  "torch_dtype": "${name}",`);
  return text.replace(known, (_, field, before, after) => `"${field}"${before}:${after}"${name}"`);
}

/** JSON whose numbers have a point where transformers means floats. */
function floatsText(fields: Record<string, unknown>): string {
  const counts = /_size|_dim|^num_|_positions|_position_embeddings|_step|_per_tok|_token_id/;
  const text = JSON.stringify(
    fields,
    (name, value) => (Number.isInteger(value) && !counts.test(name) && !/^\d+$/.test(name) ? `#${value}.0` : value),
    2,
  );
  return `${text.replace(/"#(-?\d+\.0)"/g, "$1")}\n`;
}
