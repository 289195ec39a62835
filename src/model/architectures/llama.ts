import type { Architecture } from "./architecture.ts";
import { readDecoder, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { storedPlaces } from "./stored-names.ts";

/** Llama 2 and 3, SmolLM2, TinyLlama: the plain block, with biases when asked for. */
export const llama: Architecture = {
  modelType: "llama",
  className: "LlamaForCausalLM",
  readConfig: (fields) => ({
    ...readDecoder(fields),
    attentionBias: fields.flag("attention_bias", false) ? "all" : "none",
    feedForwardBias: fields.flag("mlp_bias", false),
  }),
  writeConfig: (config) => ({
    ...writeDecoder(config),
    attention_bias: config.attentionBias === "all",
    mlp_bias: config.feedForwardBias,
  }),
  places: storedPlaces,
  gguf: {
    name: "llama",
    matches: (fields) => !fields.has("expert_count") || fields.count("expert_count", { least: 0 }) === 0,
    readConfig: readGgufDecoder,
    places: (name, config) => ggufPlaces(name, config, { pairedHeads: true }),
  },
};
