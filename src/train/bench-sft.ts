import { Rng } from "../base/rng.ts";
import { median } from "../base/statistics.ts";
import type { Device } from "../engine/device.ts";
import type { Demonstration } from "../records/problem.ts";
import { AdamW } from "../update/adamw.ts";
import { type BenchOptions, type BenchSettings, type BenchSurroundings, onBenchDevice } from "./bench-run.ts";
import { type BenchModel, benchModels, benchPolicy, parameterCount } from "./bench-workloads.ts";
import { trainSupervised } from "./supervised.ts";

/** What `benchSft` measured; seconds are medians over steps, the first step left out. */
export interface SftBenchResult extends BenchSurroundings {
  workload: SftWorkload;
  secondsPerStep: number;
  tokensPerSecond: number;
  /** Numbers of the model, the adapter's included; those that are trained. */
  params: number;
  trainedParams: number;
}

/** Sequences per step, their length, LoRA's rank. */
const workloads = {
  "smol-135m": { batch: 8, length: 256, rank: 16 },
  "granite-moe-1b": { batch: 4, length: 256, rank: 16 },
} as const satisfies Partial<Record<BenchModel, Record<string, number>>>;

/** Name of a workload. */
export type SftWorkload = keyof typeof workloads;
/** All of them. */
export const sftWorkloads = Object.keys(workloads) as SftWorkload[];

/**
 * One of the peers' supervised workloads: random weights, frozen in bf16, LoRA on queries and values, random sequences of
 * which every token but the first is trained.
 *
 * @param options as in `benchGrpo`
 * @throws DeviceError when the device cannot be had; ConfigError when its options are out of range
 */
export const benchSft = (workload: SftWorkload, options: BenchOptions = {}): Promise<SftBenchResult> =>
  onBenchDevice(options, { steps: 5 }, (device, settings) => timeSteps(device, workload, settings));

async function timeSteps(
  device: Device,
  workload: SftWorkload,
  { steps, seed, onStep }: BenchSettings,
): Promise<Omit<SftBenchResult, keyof BenchSurroundings>> {
  const { batch, length, rank } = workloads[workload];
  const policy = benchPolicy(device, workload, { rank, seed });
  const optimizer = new AdamW(policy.parameters, { beta2: 0.999 });
  const rng = new Rng(seed, 2);
  const { vocabularySize } = benchModels[workload];
  const draw = (count: number) => Array.from({ length: count }, () => rng.integer(0, vocabularySize - 1));
  const demonstrations = Array.from(
    { length: batch * (steps + 1) },
    (_, i): Demonstration => ({
      prompt: { problem: { id: String(i), question: "", answer: "" }, tokens: draw(1) },
      completion: draw(length - 1),
    }),
  );
  const schedule = {
    learningRate: 1e-4,
    warmupSteps: 0,
    totalSteps: steps + 1,
    decay: "constant" as const,
    finalShare: 1,
  };
  const taken: number[] = [];
  await trainSupervised(
    { policy, optimizer, firstStep: 0 },
    demonstrations,
    { schedule, batchSize: batch, balanceCoefficient: 0, seed },
    async ({ step, metrics }) => {
      if (step > 0) {
        taken.push(metrics.step_time);
        onStep(step, metrics.step_time);
      }
      return "go on";
    },
  );
  const secondsPerStep = median(taken);
  const trainedParams = policy.parameters.count;
  return {
    workload,
    secondsPerStep,
    tokensPerSecond: (batch * length) / secondsPerStep,
    params: parameterCount(workload) + trainedParams,
    trainedParams,
  };
}
