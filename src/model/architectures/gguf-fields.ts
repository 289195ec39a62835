import { type DecoderConfig, plainBlock, type RotaryScaling } from "../config.ts";
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
  if (fields.has("expert_weights_scale") && fields.number("expert_weights_scale") !== 1)
    fields.refuse("expert_weights_scale", "expected 1: weights of the chosen experts are not scaled");
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
    ...readPositions(fields, tensors),
    activation: "swiglu",
    attentionBias: biasOf(tensors),
    feedForwardBias: tensors.has("blk.0.ffn_up.bias"),
    outputBias: tensors.has("output.bias"),
    ...plainBlock,
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

/** As `readRotary` does for config.json. */
function readPositions(
  fields: ConfigFields,
  tensors: WeightSource["tensors"],
): Pick<DecoderConfig, "rotaryScaling" | "maxPositions"> {
  const positions = fields.count("context_length");
  const window = fields.has("attention.sliding_window") ? fields.count("attention.sliding_window", { least: 0 }) : 0;
  const bounds = [positions, ...(window > 0 ? [window] : [])];
  if (tensors.has("rope_factors_short.weight")) bounds.push(fields.count("rope.scaling.original_context_length"));
  const maxPositions = Math.min(...bounds);
  if (maxPositions < positions)
    fields.notes.push(
      `sequences up to ${maxPositions} tokens of the model's ${positions}: beyond, a sliding window would hide the ` +
        "beginning, or longrope turn all keys anew",
    );
  return { rotaryScaling: readScaling(fields, tensors), maxPositions };
}

/**
 * As llama.cpp reads it: a factor without a type is linear, and divides beside a tensor of factors, too. Llama 3's scaling
 * is kept as the factors that come of it.
 */
function readScaling(fields: ConfigFields, tensors: WeightSource["tensors"]): RotaryScaling | null {
  const [type, attention] = ["rope.scaling.type", "rope.scaling.attn_factor"];
  const kind = fields.choice(type, ["linear", "none", "longrope"], "linear");
  const otherwise = fields.has(type) && kind === "linear" ? undefined : 1;
  const factor = kind === "none" ? 1 : fields.number(factorName(fields), { above: 0, otherwise });
  const attentionFactor = fields.number(attention, { above: 0, otherwise: 1 });
  const tensor = tensors.get("rope_factors_short.weight") ?? tensors.get("rope_freqs.weight");
  if (!tensor) {
    if (kind === "longrope")
      fields.refuse(type, "longrope needs the tensor rope_factors_short.weight, which is missing");
    if (attentionFactor !== 1)
      fields.refuse(attention, `expected 1 beside no tensor of factors, got ${attentionFactor}`);
    return factor === 1 ? null : { kind: "linear", factor };
  }
  const factors = Array.from(readRows(tensor), (one) => one * factor);
  const wrong = factors.find((one) => !(one > 0 && one < Infinity));
  if (wrong !== undefined) fields.refuse(tensor.name, `expected finite factors above 0, got ${wrong}`);
  return { kind: "longrope", factors, attentionFactor };
}

/** Where the factor of linear scaling is: files of 2023 have it under the second name. */
const factorName = (fields: ConfigFields): string => fields.spelled("rope.scaling.factor", "rope.scale_linear");
