import type { Architecture } from "./architecture.ts";
import { readDecoder, switchedWindowOf, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { storedPlaces } from "./stored-names.ts";

/** Qwen3: each head of queries and keys is normed, and as wide as the model says. */
export const qwen3: Architecture = {
  modelType: "qwen3",
  className: "Qwen3ForCausalLM",
  readConfig: (fields) => ({
    ...readDecoder(fields, { headDim: 128, window: switchedWindowOf(fields) }),
    attentionBias: fields.flag("attention_bias", false) ? "all" : "none",
    qkNorm: "head",
  }),
  writeConfig: (config) => ({
    ...writeDecoder(config),
    attention_bias: config.attentionBias === "all",
    use_sliding_window: false,
  }),
  places: storedPlaces,
  gguf: {
    name: "qwen3",
    readConfig: (fields, tensors) => ({ ...readGgufDecoder(fields, tensors), qkNorm: "head" }),
    places: ggufPlaces,
  },
};
