import type { Architecture } from "./architecture.ts";
import { readDecoder, readExperts, windowOf, writeDecoder } from "./decoder-fields.ts";
import { ggufPlaces, readGgufDecoder } from "./gguf-fields.ts";
import { fusedExperts, mixtralExperts, storedPlaces } from "./stored-names.ts";

const mixtures = [mixtralExperts, fusedExperts("mlp.gate.weight")];

/** Mixtral: Llama's block with a mixture in every layer. */
export const mixtral: Architecture = {
  modelType: "mixtral",
  className: "MixtralForCausalLM",
  readConfig: (fields) => ({
    ...readDecoder(fields, { rotaryTheta: 1e6, window: windowOf(fields) }),
    ...readExperts(fields),
  }),
  writeConfig: (config) => ({
    ...writeDecoder(config),
    num_local_experts: config.experts,
    num_experts_per_tok: config.activeExperts,
    sliding_window: null,
  }),
  places: (name, config) => storedPlaces(name, config, mixtures),
  gguf: {
    name: "llama",
    matches: (fields) => fields.has("expert_count") && fields.count("expert_count", { least: 0 }) > 0,
    readConfig: readGgufDecoder,
    places: (name, config) => ggufPlaces(name, config, { pairedHeads: true }),
  },
};
