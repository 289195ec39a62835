import { type DecoderConfig, hasExperts } from "../config.ts";
import type { Place } from "./architecture.ts";

/**
 * How a mixture's tensors are named within `model.layers.N`: gate and up fused in one tensor, or apart. `*` stands for the
 * number of an expert whose tensors are stored one by one.
 */
export type MixtureNames = { router: string; down: string } & ({ gateUp: string } | { gate: string; up: string });

const attentionNames: Record<string, string> = {
  attentionNorm: "input_layernorm",
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  attentionOutput: "self_attn.o_proj",
  queryNorm: "self_attn.q_norm",
  keyNorm: "self_attn.k_norm",
  feedForwardNorm: "post_attention_layernorm",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

const outerNames: Record<string, string> = {
  embedding: "model.embed_tokens",
  finalNorm: "model.norm",
  output: "lm_head",
};

/** How transformers 5 names a mixture's tensors in memory, as some checkpoints have them. */
export const fusedExperts = (router: string): MixtureNames => ({
  router,
  gateUp: "mlp.experts.gate_up_proj",
  down: "mlp.experts.down_proj",
});

/** Mixtral's names of tensors, PhiMoE's too, in checkpoints of transformers 4 and as 5 writes them. */
export const mixtralExperts: MixtureNames = {
  router: "block_sparse_moe.gate.weight",
  gate: "block_sparse_moe.experts.*.w1.weight",
  up: "block_sparse_moe.experts.*.w3.weight",
  down: "block_sparse_moe.experts.*.w2.weight",
};

/** Qwen's names of tensors, OLMoE's too, in checkpoints of transformers 4 and as 5 writes them. */
export const qwenExperts: MixtureNames = {
  router: "mlp.gate.weight",
  gate: "mlp.experts.*.gate_proj.weight",
  up: "mlp.experts.*.up_proj.weight",
  down: "mlp.experts.*.down_proj.weight",
};

/**
 * Where an array lies in a checkpoint of Hugging Face's.
 *
 * @param name of ours: `layers.3.query.weight`
 * @param mixtures every spelling of a mixture's tensors, the one to write first; none: plain layers alone
 */
export function storedPlaces(name: string, config: DecoderConfig, mixtures: readonly MixtureNames[] = []): Place[] {
  const parts = name.split(".");
  if (parts[0] !== "layers") return [{ names: [`${outerNames[parts[0]]}.${parts[1]}`] }];
  const [, layer, module, kind] = parts;
  const at = `model.layers.${layer}`;
  const ofMixture =
    module === "router" || (["gate", "up", "down"].includes(module) && hasExperts(config, Number(layer)));
  if (!ofMixture) return [{ names: [`${at}.${attentionNames[module]}.${kind}`] }];
  return mixtures.map((mixture) => mixturePlace(at, module, mixture, config.experts));
}

function mixturePlace(at: string, module: string, mixture: MixtureNames, experts: number): Place {
  if (module === "router" || module === "down") return expertPlace(at, mixture[module], experts);
  if (!("gateUp" in mixture)) return expertPlace(at, mixture[module === "gate" ? "gate" : "up"], experts);
  return { ...expertPlace(at, mixture.gateUp, experts), part: { index: module === "gate" ? 0 : 1, of: 2 } };
}

/** A tensor, or one for each expert where its name has a `*`. */
export function expertPlace(at: string, pattern: string, experts: number): Place {
  if (!pattern.includes("*")) return { names: [`${at}.${pattern}`] };
  const names = Array.from({ length: experts }, (_, e) => `${at}.${pattern.replace("*", String(e))}`);
  return { names, perExpert: true };
}
