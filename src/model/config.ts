import { ConfigError } from "../base/errors.ts";

/** Everything that decides a decoder's shape. Sizes count elements. */
export interface DecoderConfig {
  vocabularySize: number;
  /** D, the residual stream. */
  width: number;
  layers: number;
  /** H query heads. */
  heads: number;
  /** Heads of keys and values; divides heads. */
  kvHeads: number;
  headDim: number;
  /** F, of the block or of each expert. */
  feedForward: number;
  /** E, 0: a plain feed-forward block. */
  experts: number;
  /** Experts each token uses; 0 without experts. */
  activeExperts: number;
  norm: "layer" | "rms";
  normEps: number;
  /** A norm before the output head. */
  finalNorm: boolean;
  positions: "alibi" | "rotary";
  /** θ of rotary positions. */
  rotaryTheta: number;
  /** How rotary frequencies are stretched beyond the positions a model was first trained on; null: not at all. */
  rotaryScaling: RotaryScaling | null;
  /** Longest sequence, prompt and completion together, that rotary tables are made for; ALiBi has no bound. */
  maxPositions: number;
  activation: "gelu" | "swiglu";
  /** Which of attention's projections have a bias. */
  attentionBias: "none" | "qkv" | "all";
  /** Bias in feed-forward blocks and in experts. */
  feedForwardBias: boolean;
  /** Bias of the output head. */
  outputBias: boolean;
  /** RMS norm of queries and keys before positions: of each head (Qwen3) or of the whole projection (OLMoE). */
  qkNorm: "none" | "head" | "full";
  /** Scores are multiplied by it; null: 1/sqrt(headDim). */
  attentionScale: number | null;
  /** What a block adds to the residual stream is multiplied by it. */
  residualScale: number;
  /** Logits are multiplied by it. */
  logitScale: number;
  /**
   * Weights of a token's chosen experts: softmax over the chosen logits (`chosen`); over all, read at the chosen (`all`);
   * or sparsemixer's masked softmax, one choice at a time, as at inference (arXiv:2409.12136; two experts).
   */
  routing: "chosen" | "all" | "sparsemixer";
  /** Sparsemixer: logits further than 2 · this below the largest, relatively, are left out of a choice's softmax. */
  routerJitter: number;
  /** Layers of a mixture model that have a plain feed-forward block, of width `denseFeedForward`. */
  denseLayers: readonly number[];
  denseFeedForward: number;
  /** The output head is the embedding. */
  tiedOutput: boolean;
  /** Multiplies embeddings. */
  embeddingScale: number;
  /** Standard deviation of fresh weights; null: 1/sqrt(inner), residual outputs also divided by sqrt(2·layers). */
  initialDeviation: number | null;
}

/** Stretched rotary frequencies. Inverse frequency i of headDim/2 is θ^(−2i/headDim) before it. */
export type RotaryScaling =
  /** All frequencies divided by `factor`. */
  | { kind: "linear"; factor: number }
  /** Llama 3: long waves divided by `factor`, short ones kept, a ramp between. */
  | {
      kind: "llama3";
      factor: number;
      lowFrequencyFactor: number;
      highFrequencyFactor: number;
      originalPositions: number;
    }
  /** Frequency i divided by factors[i]; cos and sin multiplied by `attentionFactor`. @see arXiv:2402.13753 */
  | { kind: "longrope"; factors: readonly number[]; attentionFactor: number };

/** What most decoders have: queries and keys as they are projected, nothing multiplied, no layer unlike the others. */
export const plainBlock = {
  qkNorm: "none",
  attentionScale: null,
  residualScale: 1,
  logitScale: 1,
  routing: "chosen",
  routerJitter: 0,
  denseLayers: [],
  denseFeedForward: 0,
} as const satisfies Partial<DecoderConfig>;

/** MathFormer's four sizes: width, heads, feed-forward, layers. */
export const mathFormerSizes = {
  tiny: { width: 32, heads: 2, feedForward: 128, layers: 2 },
  small: { width: 64, heads: 4, feedForward: 256, layers: 4 },
  medium: { width: 512, heads: 8, feedForward: 2048, layers: 8 },
  large: { width: 768, heads: 8, feedForward: 3072, layers: 8 },
} as const;

/** Name of one of them. */
export type MathFormerSize = keyof typeof mathFormerSizes;

/** What a recipe may say of a MathFormer; what it leaves out comes from `size`. */
export interface MathFormerOptions {
  size: MathFormerSize;
  width?: number;
  heads?: number;
  feedForward?: number;
  layers?: number;
  experts?: number;
  activeExperts?: number;
  finalNorm?: boolean;
  /** `mathformer`: layer norm, ALiBi, GELU, biases; `llama`: RMS norm, rotary positions, SwiGLU, no biases. */
  block?: "mathformer" | "llama";
  /** Longest sequence of a `llama` block, prompt and completion together; default 8192. */
  maxPositions?: number;
}

/**
 * MathFormer: decoder-only, pre-norm, ALiBi, GELU, embedding × √width, untied output.
 *
 * @throws ConfigError when heads do not divide width, or experts and activeExperts do not fit each other
 */
export function mathFormer(options: MathFormerOptions, vocabularySize: number): DecoderConfig {
  const config = mathFormerConfig(options, vocabularySize);
  checkDecoderConfig(config);
  return config;
}

/** `mathFormer` unchecked; ask `decoderProblems` whether its parts fit each other. */
export function mathFormerConfig(options: MathFormerOptions, vocabularySize: number): DecoderConfig {
  const size = { ...mathFormerSizes[options.size] };
  const width = options.width ?? size.width;
  const heads = options.heads ?? size.heads;
  const experts = options.experts ?? 0;
  const llama = options.block === "llama";
  return {
    vocabularySize,
    width,
    layers: options.layers ?? size.layers,
    heads,
    kvHeads: heads,
    headDim: width / heads,
    feedForward: options.feedForward ?? size.feedForward,
    experts,
    activeExperts: experts === 0 ? 0 : (options.activeExperts ?? Math.min(2, experts)),
    norm: llama ? "rms" : "layer",
    normEps: 1e-5,
    finalNorm: options.finalNorm ?? llama,
    positions: llama ? "rotary" : "alibi",
    rotaryTheta: 10000,
    rotaryScaling: null,
    maxPositions: options.maxPositions ?? 8192,
    activation: llama ? "swiglu" : "gelu",
    attentionBias: llama ? "none" : "all",
    feedForwardBias: !llama,
    outputBias: false,
    ...plainBlock,
    tiedOutput: false,
    embeddingScale: Math.sqrt(width),
    initialDeviation: null,
  };
}

/** Whether a layer is a mixture of experts. */
export const hasExperts = ({ experts, denseLayers }: DecoderConfig, layer: number): boolean =>
  experts > 0 && !denseLayers.includes(layer);

/** One field of a decoder's configuration that is out of range or does not fit the others. */
export interface DecoderProblem {
  field: keyof DecoderConfig;
  text: string;
}

const countedFields = [
  "vocabularySize",
  "width",
  "layers",
  "heads",
  "kvHeads",
  "headDim",
  "feedForward",
  "maxPositions",
] as const;

/** Everything wrong with a configuration; empty when it describes a decoder. */
export function decoderProblems(config: DecoderConfig): DecoderProblem[] {
  const problems: DecoderProblem[] = [];
  const { width, heads, kvHeads, headDim, experts, activeExperts, layers, denseLayers, denseFeedForward } = config;
  const refuse = (field: keyof DecoderConfig, text: string) => problems.push({ field, text });
  for (const field of countedFields)
    if (field === "headDim" && !Number.isInteger(headDim)) refuse("heads", `${heads} must divide width ${width}`);
    else if (!Number.isInteger(config[field]) || config[field] < 1)
      refuse(field, `expected a whole number of at least 1, got ${config[field]}`);
  if (heads % kvHeads !== 0) refuse("kvHeads", `${kvHeads} must divide heads ${heads}`);
  if (config.positions === "rotary" && headDim % 2 !== 0)
    refuse("headDim", `rotary positions need an even number, got ${headDim}`);
  if (experts !== 0 && (activeExperts < 1 || activeExperts > experts))
    refuse("activeExperts", `expected 1 to experts (${experts}), got ${activeExperts}`);
  if (config.routing === "sparsemixer" && activeExperts !== 2)
    refuse("activeExperts", `sparsemixer chooses 2 experts, got ${activeExperts}`);
  if (denseLayers.some((layer) => !Number.isInteger(layer) || layer < 0 || layer >= layers))
    refuse("denseLayers", `expected layers from 0 to ${layers - 1}, got ${denseLayers}`);
  if (denseLayers.length > 0 && (experts === 0 || !Number.isInteger(denseFeedForward) || denseFeedForward < 1))
    refuse("denseFeedForward", `expected a whole number of at least 1 beside experts, got ${denseFeedForward}`);
  const { rotaryScaling } = config;
  if (rotaryScaling?.kind === "longrope" && rotaryScaling.factors.length !== headDim / 2)
    refuse("rotaryScaling", `expected ${headDim / 2} factors, got ${rotaryScaling.factors.length}`);
  return problems;
}

/** @throws ConfigError listing every field that does not fit */
export function checkDecoderConfig(config: DecoderConfig): void {
  const problems = decoderProblems(config).map(({ field, text }) => `${field}: ${text}`);
  if (problems.length > 0) throw new ConfigError(`model: ${problems.join("; ")}`);
}
