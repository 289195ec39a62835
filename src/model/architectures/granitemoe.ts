import type { Architecture } from "./architecture.ts";
import { readDecoder, readExperts, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { type MixtureNames, storedPlaces } from "./stored-names.ts";

const mixtures: MixtureNames[] = [
  {
    router: "block_sparse_moe.router.layer.weight",
    gateUp: "block_sparse_moe.input_linear.weight",
    down: "block_sparse_moe.output_linear.weight",
  },
  {
    router: "block_sparse_moe.router.weight",
    gateUp: "block_sparse_moe.experts.gate_up_proj",
    down: "block_sparse_moe.experts.down_proj",
  },
];

/** Granite 3's mixtures: multipliers on embedding, scores, residual stream and logits; gate and up in one tensor. */
export const graniteMoe: Architecture = {
  modelType: "granitemoe",
  className: "GraniteMoeForCausalLM",
  readConfig: (fields) => ({
    ...readDecoder(fields),
    attentionBias: fields.flag("attention_bias", false) ? "all" : "none",
    embeddingScale: fields.number("embedding_multiplier", { above: 0, otherwise: 1 }),
    attentionScale: fields.number("attention_multiplier", { above: 0, otherwise: 1 }),
    residualScale: fields.number("residual_multiplier", { above: 0, otherwise: 1 }),
    logitScale: 1 / fields.number("logits_scaling", { above: 0, otherwise: 1 }),
    ...readExperts(fields),
  }),
  writeConfig: (config) => ({
    ...writeDecoder(config),
    attention_bias: config.attentionBias === "all",
    embedding_multiplier: config.embeddingScale,
    attention_multiplier: config.attentionScale ?? config.headDim ** -0.5,
    residual_multiplier: config.residualScale,
    logits_scaling: 1 / config.logitScale,
    num_local_experts: config.experts,
    num_experts_per_tok: config.activeExperts,
  }),
  places: (name, config) => storedPlaces(name, config, mixtures),
  gguf: {
    name: "granitemoe",
    readConfig: (fields, tensors) => ({
      ...readGgufDecoder(fields, tensors),
      embeddingScale: fields.number("embedding_scale", { above: 0, otherwise: 1 }),
      attentionScale: fields.has("attention.scale") ? fields.number("attention.scale", { above: 0 }) : null,
      residualScale: fields.number("residual_scale", { above: 0, otherwise: 1 }),
      logitScale: 1 / fields.number("logit_scale", { above: 0, otherwise: 1 }),
    }),
    places: (name, config) => ggufPlaces(name, config, { pairedHeads: true }),
  },
};
