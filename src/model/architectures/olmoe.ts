import type { Architecture } from "./architecture.ts";
import { readDecoder, readExperts, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { fusedExperts, qwenExperts, storedPlaces } from "./stored-names.ts";

const mixtures = [qwenExperts, fusedExperts("mlp.gate.weight")];

/** OLMoE: queries and keys normed over all heads together, weights of the chosen experts left as they are. */
export const olmoe: Architecture = {
  modelType: "olmoe",
  className: "OlmoeForCausalLM",
  readConfig: (fields) => {
    if (fields.has("clip_qkv"))
      fields.refuse("clip_qkv", "clipped queries, keys and values are not computed; take a model trained without");
    return {
      ...readDecoder(fields),
      attentionBias: fields.flag("attention_bias", false) ? "all" : "none",
      qkNorm: "full",
      ...readExperts(fields),
      routing: fields.flag("norm_topk_prob", false) ? "chosen" : "all",
    };
  },
  writeConfig: (config) => ({
    ...writeDecoder(config),
    attention_bias: config.attentionBias === "all",
    num_experts: config.experts,
    num_experts_per_tok: config.activeExperts,
    norm_topk_prob: config.routing === "chosen",
    clip_qkv: null,
  }),
  places: (name, config) => storedPlaces(name, config, mixtures),
  gguf: {
    name: "olmoe",
    // Nor do the files say: llama.cpp leaves the weights of OLMoE's experts as they are.
    readConfig: (fields, tensors) => ({ ...readGgufDecoder(fields, tensors), qkNorm: "full", routing: "all" }),
    places: ggufPlaces,
  },
};
