import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "../../src/engine/device.ts";
import { ConfigFields } from "../../src/model/architectures/config-fields.ts";
import { architectureOf } from "../../src/model/architectures/index.ts";
import { writeMerged } from "../../src/model/export.ts";
import { exportLayout } from "../../src/model/export-layout.ts";
import { closePolicy, createPolicy } from "../../src/model/policy.ts";

/** The models that recipes name, by the directories of `configs/`; README.md there says where their values are from. */
export const publishedModels = {
  "HuggingFaceTB/SmolLM2-135M-Instruct": "SmolLM2-135M-Instruct",
  "ibm-granite/granite-3.0-1b-a400m-instruct": "granite-3.0-1b-a400m-instruct",
  "huihui-ai/Huihui-MoE-1B-A0.6B": "Huihui-MoE-1B-A0.6B",
  "microsoft/Phi-tiny-MoE-instruct": "Phi-tiny-MoE-instruct",
  "Qwen/Qwen2.5-3B-Instruct": "Qwen2.5-3B-Instruct",
  "Qwen/Qwen2.5-Math-1.5B": "Qwen2.5-Math-1.5B",
} as const;

/** Id on the hub of one of them. */
export type PublishedModel = keyof typeof publishedModels;

type ConfigRecord = Readonly<Record<string, unknown>> & { model_type: string };

/** config.json of a model as it is published, but for what plays no part in its shape. */
const publishedConfig = (name: PublishedModel): ConfigRecord =>
  JSON.parse(readFileSync(join(import.meta.dirname, "configs", publishedModels[name], "config.json"), "utf8"));

const goldens = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, "..", "goldens", `${name}.json`), "utf8"));

/** Writes a byte-level tokenizer of 420 tokens, with SmolLM2's special tokens and Granite's chat template, which needs no others. */
function writeTokenizer(dir: string): number {
  const { files, length } = goldens("tokenizers").tokenizers.smollm;
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), JSON.stringify(content));
  writeFileSync(join(dir, "chat_template.jinja"), goldens("tokenizers-chat").templates.granite.template);
  return length;
}

const describe = (record: ConfigRecord) => {
  const architecture = architectureOf(record.model_type, "config.json");
  const fields = new ConfigFields("config.json", record);
  const config = architecture.readConfig(fields);
  fields.check();
  return { architecture, config };
};

/** A model of a published shape, in bf16, whose weights are a hole in a file: enough to plan with, and next to no bytes. @returns how many weights */
export function writeHollow(dir: string, name: PublishedModel): number {
  const record = publishedConfig(name);
  const { architecture, config } = describe(record);
  writeFileSync(join(dir, "config.json"), JSON.stringify(record));
  writeTokenizer(dir);
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const { name: tensor, shape } of exportLayout(architecture, config)) {
    const begin = end;
    end += 2 * shape.reduce((product, axis) => product * axis, 1);
    header[tensor] = { dtype: "BF16", shape, data_offsets: [begin, end] };
  }
  const text = JSON.stringify(header);
  const bytes = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  const file = openSync(join(dir, "model.safetensors"), "w");
  writeSync(file, length);
  writeSync(file, bytes);
  ftruncateSync(file, length.length + bytes.length + end);
  closeSync(file);
  return end / 2;
}

/** What small models have of what their published ones have much of. */
const small: Readonly<Record<string, number>> = {
  hidden_size: 48,
  intermediate_size: 64,
  moe_intermediate_size: 64,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 8,
  num_hidden_layers: 2,
  max_position_embeddings: 2048,
};

/** A model of the same architecture and multipliers, small, with random weights; of many experts it has 6, 2 of them active. */
export async function writeTiny(dir: string, name: PublishedModel, device: Device): Promise<void> {
  const published = publishedConfig(name);
  const shape = Object.entries(small).filter(([field]) => field in published);
  const mixture = "num_local_experts" in published ? { num_local_experts: 6, num_experts_per_tok: 2 } : {};
  const vocabulary = { vocab_size: writeTokenizer(dir) };
  const { config } = describe({ ...published, ...Object.fromEntries(shape), ...mixture, ...vocabulary });
  const policy = createPolicy(device, config, { seed: 1, trained: false });
  await writeMerged(policy, dir, { modelType: published.model_type, baseDirectory: null, dtype: "BF16" });
  closePolicy(policy);
}
