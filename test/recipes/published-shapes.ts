import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Device } from "../../src/engine/device.ts";
import { ConfigFields } from "../../src/model/architectures/config-fields.ts";
import { architectureOf } from "../../src/model/architectures/index.ts";
import { writeMerged } from "../../src/model/export.ts";
import { exportLayout } from "../../src/model/export-layout.ts";
import { closePolicy, createPolicy } from "../../src/model/policy.ts";

/** config.json of models that recipes name, as they are published; what plays no part in their shape is left out. */
export const published = {
  "HuggingFaceTB/SmolLM2-135M-Instruct": {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    attention_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    hidden_act: "silu",
    hidden_size: 576,
    intermediate_size: 1536,
    max_position_embeddings: 8192,
    mlp_bias: false,
    num_attention_heads: 9,
    num_hidden_layers: 30,
    num_key_value_heads: 3,
    rms_norm_eps: 1e-5,
    rope_scaling: null,
    rope_theta: 100000,
    tie_word_embeddings: true,
    vocab_size: 49152,
  },
  "ibm-granite/granite-3.0-1b-a400m-instruct": {
    architectures: ["GraniteMoeForCausalLM"],
    model_type: "granitemoe",
    attention_bias: false,
    attention_multiplier: 0.015625,
    bos_token_id: 0,
    embedding_multiplier: 12,
    eos_token_id: 0,
    hidden_act: "silu",
    hidden_size: 1024,
    intermediate_size: 512,
    logits_scaling: 6,
    max_position_embeddings: 4096,
    num_attention_heads: 16,
    num_experts_per_tok: 8,
    num_hidden_layers: 24,
    num_key_value_heads: 8,
    num_local_experts: 32,
    residual_multiplier: 0.22,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 10000,
    tie_word_embeddings: true,
    vocab_size: 49155,
  },
} as const;

/** Name of one of them. */
export type PublishedModel = keyof typeof published;

type ConfigRecord = Readonly<Record<string, unknown>> & { model_type: string };

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

/** A model of a published shape, in bf16, whose weights are a hole in a file: enough to plan with, and next to no bytes. */
export function writeHollow(dir: string, name: PublishedModel): void {
  const record = published[name];
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
}

/** A model of the same architecture and multipliers, small, with random weights. */
export async function writeTiny(dir: string, name: PublishedModel, device: Device): Promise<void> {
  const small = {
    hidden_size: 48,
    intermediate_size: 64,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    num_hidden_layers: 2,
    max_position_embeddings: 1024,
  };
  const record: ConfigRecord = { ...published[name], ...small, vocab_size: writeTokenizer(dir) };
  const mixture = "num_local_experts" in published[name] ? { num_local_experts: 6, num_experts_per_tok: 2 } : {};
  const { config } = describe({ ...record, ...mixture });
  const policy = createPolicy(device, config, { seed: 1, trained: false });
  await writeMerged(policy, dir, { modelType: record.model_type, baseDirectory: null, dtype: "BF16" });
  closePolicy(policy);
}
