import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { encodeWeight } from "../engine/weight-formats.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { decoderParameters } from "../model/definitions.ts";
import { FrozenWeights } from "../model/frozen-weights.ts";
import { attachLora } from "../model/lora.ts";
import { createPolicy, frozenPolicy, type Policy } from "../model/policy.ts";

/** Shapes of the models that the benchmarks train, with random weights: those of the peers' scripts. */
export const benchModels: Readonly<Record<"tiny-dense" | "smol-135m" | "granite-moe-1b", DecoderConfig>> = {
  "tiny-dense": llama({ width: 128, heads: 4, kvHeads: 4, feedForward: 512, layers: 2, vocabularySize: 64 }),
  "smol-135m": llama({ width: 576, heads: 9, kvHeads: 3, feedForward: 1536, layers: 30, vocabularySize: 49152 }),
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

/** Numbers of a model, without adapters. */
export const parameterCount = (name: BenchModel): number =>
  decoderParameters(benchModels[name], new Rng(0)).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

const sizeOf = (shape: readonly number[]) => shape.reduce((product, axis) => product * axis, 1);

/** Large matrices repeat this many normal numbers, a prime: a billion would take a minute to draw. */
const drawnOnce = 1_048_583;

/**
 * A model to time: all of it trained, or, with a rank, frozen in bf16 beside an adapter on queries and values with
 * alpha = 2 · rank.
 */
export function benchPolicy(device: Device, name: BenchModel, { rank, seed }: { rank: number; seed: number }): Policy {
  const config = benchModels[name];
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
    if (matrix) weights.add(array, shape, "bf16", encodeWeight("bf16", values, shape));
    else weights.add(array, shape, "f32", values);
  }
  return attachLora(frozenPolicy(device, config, weights), {
    rank,
    alpha: 2 * rank,
    targetModules: ["q_proj", "v_proj"],
    seed,
  });
}
