import { type DecoderConfig, plainBlock } from "../config.ts";
import { type ConfigFields, MOST_LAYERS } from "./config-fields.ts";
import { readRotary, writeRotary } from "./rotary-fields.ts";

/** What an architecture means by fields that a config.json leaves out. */
interface DecoderDefaults {
  rotaryTheta?: number;
  headDim?: number;
  /** Attention's sliding window; null: none. */
  window?: number | null;
  /** As in `readRotary`. */
  mscale?: boolean;
}

/**
 * The decoder that the fields common to all architectures describe: pre-norm blocks with RMS norms, rotary positions,
 * SwiGLU, no biases, no experts. Each architecture changes what it does differently.
 */
export function readDecoder(fields: ConfigFields, defaults: DecoderDefaults = {}): DecoderConfig {
  const width = fields.count("hidden_size");
  const heads = fields.count("num_attention_heads");
  const { rotaryTheta: theta = 10000, window = null, mscale } = defaults;
  fields.choice("hidden_act", ["silu", "swish"], "silu");
  if (fields.has("quantization_config"))
    fields.refuse(
      "quantization_config",
      "weights quantised this way cannot be read; take the checkpoint it was made from, or a GGUF file",
    );
  return {
    vocabularySize: fields.count("vocab_size"),
    width,
    layers: fields.count("num_hidden_layers", { most: MOST_LAYERS }),
    heads,
    kvHeads: fields.count("num_key_value_heads", { otherwise: heads }),
    headDim: fields.count("head_dim", { otherwise: defaults.headDim ?? width / heads }),
    feedForward: fields.count("intermediate_size"),
    experts: 0,
    activeExperts: 0,
    norm: "rms",
    normEps: fields.number("rms_norm_eps", { above: 0 }),
    finalNorm: true,
    positions: "rotary",
    ...readRotary(fields, { theta, window, mscale }),
    activation: "swiglu",
    attentionBias: "none",
    feedForwardBias: false,
    outputBias: false,
    ...plainBlock,
    tiedOutput: fields.flag("tie_word_embeddings", false),
    embeddingScale: 1,
    initialDeviation: fields.number("initializer_range", { above: 0, otherwise: 0.02 }),
  };
}

/** The fields that `readDecoder` reads, as both transformers 4 and 5 understand them. */
export function writeDecoder(config: DecoderConfig): Record<string, unknown> {
  return {
    vocab_size: config.vocabularySize,
    hidden_size: config.width,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    intermediate_size: config.feedForward,
    hidden_act: "silu",
    rms_norm_eps: config.normEps,
    ...writeRotary(config),
    tie_word_embeddings: config.tiedOutput,
    initializer_range: config.initialDeviation ?? 0.02,
    attention_dropout: 0,
    use_cache: true,
  };
}

/** Experts and how many of them a token uses, under either of the names that models give them. */
export function readExperts(fields: ConfigFields): Pick<DecoderConfig, "experts" | "activeExperts"> {
  return {
    experts: fields.count(fields.spelled("num_local_experts", "num_experts"), { most: MOST_LAYERS }),
    activeExperts: fields.count("num_experts_per_tok"),
  };
}

/** A sliding window that every layer has unless it is null. */
export const windowOf = (fields: ConfigFields): number | null =>
  fields.has("sliding_window") ? fields.count("sliding_window") : null;

/** Qwen's sliding window, which counts only when it is switched on. */
export const switchedWindowOf = (fields: ConfigFields): number | null =>
  fields.flag("use_sliding_window", false) ? windowOf(fields) : null;
