import { Rng } from "../base/rng.ts";
import { median } from "../base/statistics.ts";
import type { Device } from "../engine/device.ts";
import type { Demonstration } from "../records/problem.ts";
import { AdamW } from "../update/adamw.ts";
import { type BenchOptions, type BenchSettings, type BenchSurroundings, onBenchDevice } from "./bench-run.ts";
import {
  type BenchModel,
  type BenchSizes,
  benchConfig,
  benchLora,
  benchPolicy,
  completeSizes,
  parameterCount,
} from "./bench-workloads.ts";
import { automaticMicroBatch } from "./micro-batches.ts";
import { trainSupervised } from "./supervised.ts";

/** What `benchSft` measured; seconds are medians over the timed steps. */
export interface SftBenchResult extends BenchSurroundings {
  workload: SftWorkload;
  sizes: SftBenchSizes;
  secondsPerStep: number;
  tokensPerSecond: number;
  /** Numbers of the model, the adapter's included; those that are trained. */
  params: number;
  trainedParams: number;
}

/** Sequences per step, their length, LoRA's rank. */
const workloads = {
  "tiny-dense": { batch: 32, length: 64, rank: 0 },
  "smol-135m": { batch: 8, length: 256, rank: 16 },
  "smol-360m": { batch: 8, length: 256, rank: 16 },
  "granite-moe-1b": { batch: 4, length: 256, rank: 16 },
} as const satisfies Partial<Record<BenchModel, Record<string, number>>>;

/** Name of a workload. */
export type SftWorkload = keyof typeof workloads;
/** All of them. */
export const sftWorkloads = Object.keys(workloads) as SftWorkload[];

/** Sizes of a step; all but the model can be told otherwise. */
export interface SftBenchSizes extends BenchSizes {
  /** Sequences a step, and tokens of each. */
  batch: number;
  length: number;
  /** LoRA's rank; 0: all weights are trained. */
  rank: number;
}

/**
 * One of the peers' supervised workloads, or one of other sizes: random weights, frozen in bf16, LoRA on queries and values,
 * random sequences of which every token but the first is trained.
 *
 * @param options as in `benchGrpo`
 * @throws DeviceError when the device cannot be had; ConfigError when its options, or sizes, are out of range
 */
export const benchSft = (
  workload: SftWorkload,
  { sizes: given = {}, ...options }: BenchOptions & { sizes?: Partial<SftBenchSizes> } = {},
): Promise<SftBenchResult> => {
  const sizes: SftBenchSizes = completeSizes<SftBenchSizes>(workloads[workload], given, { length: 2, rank: 0 });
  return onBenchDevice(options, { steps: 5 }, (device, settings) => timeSteps(device, { workload, sizes }, settings));
};

async function timeSteps(
  device: Device,
  { workload, sizes }: { workload: SftWorkload; sizes: SftBenchSizes },
  { steps, warmUp, seed, onStep }: BenchSettings,
): Promise<Omit<SftBenchResult, keyof BenchSurroundings>> {
  const { batch, length, rank, gradientCheckpointing } = sizes;
  const config = benchConfig(workload, { layers: sizes.layers, positions: length });
  const microBatchTokens =
    sizes.microBatchTokens === "auto"
      ? automaticMicroBatch({ config, lora: rank > 0 ? benchLora(rank) : null }, { gradientCheckpointing })
      : sizes.microBatchTokens;
  const policy = benchPolicy(device, config, { rank, seed, weights: sizes.weights });
  const optimizer = new AdamW(policy.parameters, { beta2: 0.999 });
  const rng = new Rng(seed, 2);
  const { vocabularySize } = config;
  const draw = (count: number) => Array.from({ length: count }, () => rng.integer(0, vocabularySize - 1));
  const demonstrations = Array.from(
    { length: batch * (steps + warmUp) },
    (_, i): Demonstration => ({
      prompt: { problem: { id: String(i), question: "", answer: "" }, tokens: draw(1) },
      completion: draw(length - 1),
    }),
  );
  const schedule = {
    learningRate: 1e-4,
    warmupSteps: 0,
    totalSteps: steps + warmUp,
    decay: "constant" as const,
    finalShare: 1,
  };
  const taken: number[] = [];
  await trainSupervised(
    { policy, optimizer, firstStep: 0 },
    demonstrations,
    { schedule, batchSize: batch, microBatchTokens, gradientCheckpointing, balanceCoefficient: 0, seed },
    async ({ step, metrics }) => {
      if (step >= warmUp) {
        taken.push(metrics.step_time);
        onStep(step - warmUp + 1, metrics.step_time);
      }
      return "go on";
    },
  );
  const secondsPerStep = median(taken);
  const trainedParams = policy.parameters.count;
  return {
    workload,
    sizes: { ...sizes, microBatchTokens },
    secondsPerStep,
    tokensPerSecond: (batch * length) / secondsPerStep,
    params: parameterCount(config) + (rank === 0 ? 0 : trainedParams),
    trainedParams,
  };
}
