import { ConfigError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { type EncodableFormat, encodeWeight } from "../engine/weight-formats.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { decoderParameters } from "../model/definitions.ts";
import { FrozenWeights } from "../model/frozen-weights.ts";
import { attachLora } from "../model/lora.ts";
import { createPolicy, frozenPolicy, type Policy } from "../model/policy.ts";

/** Shapes of the models that the benchmarks train, with random weights: those of the peers' scripts. */
export const benchModels: Readonly<Record<"tiny-dense" | "smol-135m" | "smol-360m" | "granite-moe-1b", DecoderConfig>> =
  {
    "tiny-dense": llama({ width: 128, heads: 4, kvHeads: 4, feedForward: 512, layers: 2, vocabularySize: 64 }),
    "smol-135m": llama({ width: 576, heads: 9, kvHeads: 3, feedForward: 1536, layers: 30, vocabularySize: 49152 }),
    "smol-360m": llama({ width: 960, heads: 15, kvHeads: 5, feedForward: 2560, layers: 32, vocabularySize: 49152 }),
    "granite-moe-1b": {
      ...llama({ width: 1024, heads: 16, kvHeads: 8, feedForward: 512, layers: 24, vocabularySize: 49155 }),
      experts: 32,
      activeExperts: 8,
      embeddingScale: 12,
      attentionScale: 0.015625,
      residualScale: 0.22,
      logitScale: 1 / 6,
    },
  };

/** Name of one of them. */
export type BenchModel = keyof typeof benchModels;

function llama({
  vocabularySize,
  kvHeads,
  ...shape
}: Record<"width" | "heads" | "kvHeads" | "feedForward" | "layers" | "vocabularySize", number>): DecoderConfig {
  return {
    ...mathFormer({ size: "tiny", block: "llama", ...shape }, vocabularySize),
    kvHeads,
    normEps: 1e-6,
    tiedOutput: true,
    embeddingScale: 1,
    initialDeviation: 0.02,
  };
}

/** A published shape, made longer or shallower. */
export const benchConfig = (name: BenchModel, { layers, positions }: { layers: number | null; positions: number }) => {
  const config = benchModels[name];
  return { ...config, layers: layers ?? config.layers, maxPositions: Math.max(config.maxPositions, positions) };
};

/** Numbers of a model, without adapters. */
export const parameterCount = (config: DecoderConfig): number =>
  decoderParameters(config, new Rng(0)).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/**
 * @param sizes those that are numbers are looked at
 * @param least where that is not 1
 * @throws ConfigError naming every size that is not a whole number in its range
 */
function requireSizes(sizes: object, least: Readonly<Record<string, number>>): void {
  const wrong = Object.entries(sizes)
    .filter(([name, value]) => typeof value === "number" && !(Number.isInteger(value) && value >= (least[name] ?? 1)))
    .map(([name, value]) => `${name}: expected a whole number from ${least[name] ?? 1}, got ${value}`);
  if (wrong.length > 0) throw new ConfigError(`benchmark: ${wrong.join("; ")}`);
}

/** Sizes of a training benchmark beside those of its workload's own kind. */
export interface BenchSizes {
  /** Blocks of the model; null: as many as the published one has. */
  layers: number | null;
  /** How frozen weights are held. */
  weights: BenchWeights;
  /** Rows of a pass, at most; `auto`: as in a recipe. */
  microBatchTokens: number | "auto";
  gradientCheckpointing: boolean;
}

/**
 * A workload's sizes, or others where they are given. A workload's own passes hold all their rows: one micro-batch, as the peers'. Of
 * other sizes they are as a recipe has them.
 *
 * @param least the least of a size, where that is not 1
 * @throws ConfigError when a size is out of range
 */
export function completeSizes<S extends BenchSizes>(
  own: Omit<S, keyof BenchSizes>,
  given: Partial<S>,
  least: Readonly<Record<string, number>>,
): S {
  const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const usual: BenchSizes = {
    layers: null,
    weights: "bf16",
    microBatchTokens: Object.keys(asked).length > 0 ? "auto" : 8192,
    gradientCheckpointing: false,
  };
  const sizes = { ...usual, ...own, ...asked } as S;
  requireSizes(sizes, least);
  return sizes;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, axis) => product * axis, 1);

/** Large matrices repeat this many normal numbers, a prime: a billion would take a minute to draw. */
const drawnOnce = 1_048_583;

/** How the frozen weights of a model to time may be held. */
export const benchWeights = ["f32", "bf16", "f16", "int8", "nf4"] as const satisfies ("f32" | EncodableFormat)[];
export type BenchWeights = (typeof benchWeights)[number];

/** The adapter of a model to time: on queries and values, with alpha = 2 · rank. */
export const benchLora = (rank: number) => ({ rank, alpha: 2 * rank, targetModules: ["q_proj", "v_proj"] });

/** A model to time: all of it trained, or, with a rank, frozen beside an adapter. */
export function benchPolicy(
  device: Device,
  config: DecoderConfig,
  { rank, seed, weights: format }: { rank: number; seed: number; weights: BenchWeights },
): Policy {
  if (rank === 0) return createPolicy(device, config, { seed, trained: true });
  const weights = new FrozenWeights(device);
  const rng = new Rng(seed, 1);
  const drawn = Float32Array.from({ length: drawnOnce }, () => 0.02 * rng.normal());
  for (const { name: array, shape, initialize } of decoderParameters(config, rng)) {
    const values = new Float32Array(sizeOf(shape));
    const matrix = shape.length > 1 && !array.endsWith("router.weight");
    if (matrix)
      for (let at = 0; at < values.length; at += drawnOnce) values.set(drawn.subarray(0, values.length - at), at);
    else initialize(values);
    const held = matrix ? heldAs(array, format) : "f32";
    if (held === "f32") weights.add(array, shape, "f32", values);
    else weights.add(array, shape, held, encodeWeight(held, values, shape));
  }
  return attachLora(frozenPolicy(device, config, weights), { ...benchLora(rank), seed });
}

/** Embeddings and the output head are never held in fewer than 16 bits, as where a model is opened. */
const heldAs = (array: string, format: BenchWeights): BenchWeights =>
  /^(embedding|output)\./.test(array) && format !== "f32" ? "bf16" : format;
