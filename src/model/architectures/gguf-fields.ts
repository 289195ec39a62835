import type { DecoderConfig, RotaryScaling } from "../config.ts";
import { readRows, type WeightSource } from "../formats/weight-source.ts";
import type { Place } from "./architecture.ts";
import { type ConfigFields, MOST_LAYERS } from "./config-fields.ts";
import { expertPlace } from "./stored-names.ts";

const names: Record<string, string> = {
  embedding: "token_embd",
  attentionNorm: "attn_norm",
  query: "attn_q",
  key: "attn_k",
  value: "attn_v",
  attentionOutput: "attn_output",
  queryNorm: "attn_q_norm",
  keyNorm: "attn_k_norm",
  feedForwardNorm: "ffn_norm",
  router: "ffn_gate_inp",
  gate: "ffn_gate",
  up: "ffn_up",
  down: "ffn_down",
  finalNorm: "output_norm",
  output: "output",
};

/**
 * Where an array lies in a GGUF file. Experts lie in one tensor, in files of before April 2024 in one each.
 *
 * @param options pairedHeads: rows of queries and keys lie pair by pair, see `Place`
 * @see gguf-py's constants in https://github.com/ggml-org/llama.cpp
 */
export function ggufPlaces(name: string, config: DecoderConfig, { pairedHeads = false } = {}): Place[] {
  const parts = name.split(".");
  const [module, kind] = parts.slice(-2);
  if (parts[0] !== "layers") return [{ names: [`${names[module]}.${kind}`] }];
  const at = `blk.${parts[1]}`;
  const plain: Place = { names: [`${at}.${names[module]}.${kind}`] };
  if (pairedHeads && module === "query") return [{ ...plain, pairedHeads: config.heads }];
  if (pairedHeads && module === "key") return [{ ...plain, pairedHeads: config.kvHeads }];
  if (config.experts === 0 || !["gate", "up", "down"].includes(module)) return [plain];
  return ["_exps", ".*"].map((which) => expertPlace(at, `${names[module]}${which}.${kind}`, config.experts));
}

/**
 * The decoder that metadata common to all architectures describes, with biases, head and experts as the tensors have them.
 *
 * @param fields metadata under the architecture's name, without it: `embedding_length`
 */
export function readGgufDecoder(fields: ConfigFields, tensors: WeightSource["tensors"]): DecoderConfig {
  const width = fields.count("embedding_length");
  const heads = fields.count("attention.head_count");
  const headDim = fields.count("attention.key_length", { otherwise: width / heads });
  const experts = fields.has("expert_count") ? fields.count("expert_count", { least: 0, most: MOST_LAYERS }) : 0;
  const feedForward = fields.count(
    experts > 0 ? fields.spelled("expert_feed_forward_length", "feed_forward_length") : "feed_forward_length",
  );
  const turned = fields.count("rope.dimension_count", { otherwise: headDim });
  if (turned !== headDim)
    fields.refuse("rope.dimension_count", `expected ${headDim}, whole heads turned by positions, got ${turned}`);
  const eps = fields.spelled("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon");
  return {
    vocabularySize: tensors.get("token_embd.weight")?.shape[0] ?? 1,
    width,
    layers: fields.count("block_count", { most: MOST_LAYERS }),
    heads,
    kvHeads: fields.count("attention.head_count_kv", { otherwise: heads }),
    headDim,
    feedForward,
    experts,
    activeExperts: experts > 0 ? fields.count("expert_used_count") : 0,
    norm: "rms",
    normEps: fields.number(eps, { above: 0 }),
    finalNorm: true,
    positions: "rotary",
    rotaryTheta: fields.number("rope.freq_base", { above: 1, otherwise: 10000 }),
    ...readScaling(fields, tensors),
    activation: "swiglu",
    attentionBias: biasOf(tensors),
    feedForwardBias: tensors.has("blk.0.ffn_up.bias"),
    outputBias: tensors.has("output.bias"),
    qkNorm: "none",
    attentionScale: null,
    residualScale: 1,
    logitScale: 1,
    routing: "chosen",
    routerJitter: 0,
    denseLayers: [],
    denseFeedForward: 0,
    tiedOutput: !tensors.has("output.weight"),
    embeddingScale: 1,
    initialDeviation: 0.02,
  };
}

function biasOf(tensors: WeightSource["tensors"]): DecoderConfig["attentionBias"] {
  if (!tensors.has("blk.0.attn_q.bias")) return "none";
  return tensors.has("blk.0.attn_output.bias") ? "all" : "qkv";
}

/** Tensors that change rotary frequencies and are not weights. */
export const rotaryTensors = ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"];

/** As `readRotary` does for config.json; Llama 3's scaling is kept as the factors that come of it. */
function readScaling(
  fields: ConfigFields,
  tensors: WeightSource["tensors"],
): Pick<DecoderConfig, "rotaryScaling" | "maxPositions"> {
  const positions = fields.count("context_length");
  const long = (name: string, attentionFactor: number): RotaryScaling | null => {
    const tensor = tensors.get(name);
    return tensor ? { kind: "longrope", factors: [...readRows(tensor)], attentionFactor } : null;
  };
  const window = fields.has("attention.sliding_window") ? fields.count("attention.sliding_window", { least: 0 }) : 0;
  const bounds = [positions, ...(window > 0 ? [window] : [])];
  const short = tensors.has("rope_factors_short.weight");
  if (short) bounds.push(fields.count("rope.scaling.original_context_length"));
  const maxPositions = Math.min(...bounds);
  if (maxPositions < positions)
    fields.notes.push(
      `sequences up to ${maxPositions} tokens of the model's ${positions}: beyond, a sliding window would hide the ` +
        "beginning, or longrope turn all keys anew",
    );
  if (short) {
    const factor = fields.number("rope.scaling.attn_factor", { above: 0, otherwise: 1 });
    return { rotaryScaling: long("rope_factors_short.weight", factor), maxPositions };
  }
  const kind = fields.choice("rope.scaling.type", ["none", "linear", "longrope"], "none");
  if (kind !== "linear") return { rotaryScaling: long("rope_freqs.weight", 1), maxPositions };
  return { rotaryScaling: { kind, factor: fields.number("rope.scaling.factor", { least: 1 }) }, maxPositions };
}
