import type { Architecture } from "./architecture.ts";
import { readDecoder, readExperts, windowOf, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { fusedExperts, mixtralExperts, storedPlaces } from "./stored-names.ts";

const mixtures = [mixtralExperts, fusedExperts("mlp.router.weight")];

/** The jitter that every published model has, which GGUF files leave out. */
const PUBLISHED_JITTER = 0.01;

/** PhiMoE: layer norms, biases in attention and output, two experts chosen by sparsemixer, long rope. */
export const phiMoe: Architecture = {
  modelType: "phimoe",
  className: "PhimoeForCausalLM",
  readConfig: (fields) => ({
    ...readDecoder(fields, { rotaryTheta: 1e6, window: windowOf(fields), mscale: true }),
    norm: "layer",
    attentionBias: fields.flag("attention_bias", false) ? "all" : "none",
    outputBias: fields.flag("lm_head_bias", false),
    ...readExperts(fields),
    routing: "sparsemixer",
    routerJitter: fields.number("router_jitter_noise", { least: 0, otherwise: PUBLISHED_JITTER }),
  }),
  writeConfig: (config) => ({
    ...writeDecoder(config),
    attention_bias: config.attentionBias === "all",
    lm_head_bias: config.outputBias,
    num_local_experts: config.experts,
    num_experts_per_tok: config.activeExperts,
    // transformers 5 takes no whole number for it, and JSON has no other zero.
    router_jitter_noise: config.routerJitter || Number.MIN_VALUE,
    sliding_window: null,
  }),
  places: (name, config) => storedPlaces(name, config, mixtures),
  gguf: {
    name: "phimoe",
    readConfig: (fields, tensors) => ({
      ...readGgufDecoder(fields, tensors),
      norm: "layer",
      routing: "sparsemixer",
      routerJitter: PUBLISHED_JITTER,
    }),
    places: ggufPlaces,
  },
};
