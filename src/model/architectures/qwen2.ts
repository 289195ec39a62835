import type { Architecture } from "./architecture.ts";
import { readDecoder, switchedWindowOf, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { storedPlaces } from "./stored-names.ts";

/** Qwen2, Qwen2.5 and their Math and Coder models: biases in queries, keys and values. */
export const qwen2: Architecture = {
  modelType: "qwen2",
  className: "Qwen2ForCausalLM",
  readConfig: (fields) => ({ ...readDecoder(fields, { window: switchedWindowOf(fields) }), attentionBias: "qkv" }),
  writeConfig: (config) => ({ ...writeDecoder(config), use_sliding_window: false }),
  places: storedPlaces,
  gguf: {
    name: "qwen2",
    readConfig: readGgufDecoder,
    places: ggufPlaces,
  },
};
