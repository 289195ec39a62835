import type { Architecture } from "./architecture.ts";
import type { ConfigFields } from "./config-fields.ts";
import { readDecoder, readExperts, switchedWindowOf, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { fusedExperts, qwenExperts, storedPlaces } from "./stored-names.ts";

const mixtures = [qwenExperts, fusedExperts("mlp.gate.weight")];

/** Qwen3's mixtures: normed heads, experts of their own width, some layers plain. */
export const qwen3Moe: Architecture = {
  modelType: "qwen3_moe",
  className: "Qwen3MoeForCausalLM",
  readConfig: (fields) => {
    const decoder = readDecoder(fields, { window: switchedWindowOf(fields) });
    return {
      ...decoder,
      attentionBias: fields.flag("attention_bias", false) ? "all" : "none",
      qkNorm: "head",
      ...readExperts(fields),
      feedForward: fields.count("moe_intermediate_size"),
      denseLayers: denseLayersOf(fields, decoder.layers),
      denseFeedForward: decoder.feedForward,
      routing: fields.flag("norm_topk_prob", false) ? "chosen" : "all",
    };
  },
  writeConfig: (config) => ({
    ...writeDecoder(config),
    intermediate_size: config.denseFeedForward || config.feedForward,
    moe_intermediate_size: config.feedForward,
    num_experts: config.experts,
    num_experts_per_tok: config.activeExperts,
    norm_topk_prob: config.routing === "chosen",
    decoder_sparse_step: 1,
    mlp_only_layers: config.denseLayers,
    attention_bias: config.attentionBias === "all",
    use_sliding_window: false,
  }),
  places: (name, config) => storedPlaces(name, config, mixtures),
  gguf: {
    name: "qwen3moe",
    // The files do not say whether weights of the chosen are normalised; llama.cpp always does.
    readConfig: (fields, tensors) => ({ ...readGgufDecoder(fields, tensors), qkNorm: "head", routing: "chosen" }),
    places: ggufPlaces,
  },
};

/** Layers named in `mlp_only_layers`, and those that `decoder_sparse_step` passes over. */
function denseLayersOf(fields: ConfigFields, layers: number): number[] {
  const step = fields.count("decoder_sparse_step", { otherwise: 1 });
  const named = fields.has("mlp_only_layers") ? fields.numbers("mlp_only_layers") : [];
  return Array.from({ length: layers }, (_, layer) => layer).filter(
    (layer) => named.includes(layer) || (layer + 1) % step !== 0,
  );
}
