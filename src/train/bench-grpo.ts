import { Rng } from "../base/rng.ts";
import { median } from "../base/statistics.ts";
import type { Device } from "../engine/device.ts";
import { grpoLoss } from "../loss/grpo.ts";
import { freezePolicy } from "../model/policy.ts";
import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
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
import { trainGrpo } from "./grpo.ts";
import type { GrpoTrainingOptions } from "./grpo-options.ts";
import { automaticMicroBatch } from "./micro-batches.ts";

/** What `benchGrpo` measured; seconds are medians over the timed steps. */
export interface GrpoBenchResult extends BenchSurroundings {
  workload: GrpoWorkload;
  sizes: GrpoBenchSizes;
  secondsPerStep: number;
  /** Of a step: sampling. */
  generateSeconds: number;
  /** Of a step: reference scores, backward, optimizer. */
  updateSeconds: number;
  /** Numbers of the model, an adapter's included; those that are trained. */
  params: number;
  trainedParams: number;
  completionTokensPerSecond: number;
}

/** Sizes of a step; all but the model can be told otherwise. */
export interface GrpoBenchSizes extends BenchSizes {
  /** P prompts × G completions. */
  prompts: number;
  group: number;
  /** Tokens of each. */
  promptTokens: number;
  completionTokens: number;
  /** LoRA's rank; 0: all weights are trained. */
  rank: number;
}

interface WorkloadSizes
  extends Pick<GrpoBenchSizes, "prompts" | "group" | "promptTokens" | "completionTokens" | "rank"> {
  model: BenchModel;
  learningRate: number;
}

const workloads = {
  "tiny-dense": {
    model: "tiny-dense",
    prompts: 32,
    group: 4,
    promptTokens: 16,
    completionTokens: 32,
    rank: 0,
    learningRate: 1e-4,
  },
  "smol-135m-lora": {
    model: "smol-135m",
    prompts: 2,
    group: 8,
    promptTokens: 96,
    completionTokens: 64,
    rank: 16,
    learningRate: 1e-5,
  },
  "smol-360m-lora": {
    model: "smol-360m",
    prompts: 2,
    group: 8,
    promptTokens: 96,
    completionTokens: 64,
    rank: 16,
    learningRate: 1e-5,
  },
  "granite-moe-1b-lora": {
    model: "granite-moe-1b",
    prompts: 1,
    group: 8,
    promptTokens: 96,
    completionTokens: 48,
    rank: 16,
    learningRate: 1e-5,
  },
} as const satisfies Record<string, WorkloadSizes>;

/** Name of a workload. */
export type GrpoWorkload = keyof typeof workloads;
/** All of them. */
export const grpoWorkloads = Object.keys(workloads) as GrpoWorkload[];

/**
 * One of the peers' GRPO workloads, or one of other sizes: random weights, every completion forced to full length, β 0.04,
 * temperature 1. With LoRA the weights are bf16 and frozen, adapters sit on queries and values, and KL is measured against the
 * model without them.
 *
 * @param options steps to time, after those that are not; seed: names weights, prompts and sampling; sizes that differ from the
 * workload's; device options as for `openDevice`
 * @throws DeviceError when the device cannot be had; ConfigError when its options, or sizes, are out of range
 */
export const benchGrpo = (
  workload: GrpoWorkload,
  { sizes: given = {}, ...options }: BenchOptions & { sizes?: Partial<GrpoBenchSizes> } = {},
): Promise<GrpoBenchResult> => {
  const sizes = sizesOf(workload, given);
  return onBenchDevice(options, { steps: 20 }, (device, settings) => timeSteps(device, { workload, sizes }, settings));
};

function sizesOf(workload: GrpoWorkload, given: Partial<GrpoBenchSizes>): GrpoBenchSizes {
  const { model: _, learningRate: __, ...own } = workloads[workload];
  return completeSizes<GrpoBenchSizes>(own, given, { group: 2, rank: 0 });
}

async function timeSteps(
  device: Device,
  { workload, sizes }: { workload: GrpoWorkload; sizes: GrpoBenchSizes },
  { steps, warmUp, seed, onStep }: BenchSettings,
): Promise<Omit<GrpoBenchResult, keyof BenchSurroundings>> {
  const { model, learningRate } = workloads[workload];
  const { prompts: promptsPerStep, group, promptTokens, completionTokens, rank, gradientCheckpointing } = sizes;
  const config = benchConfig(model, { layers: sizes.layers, positions: promptTokens + completionTokens });
  const microBatchTokens =
    sizes.microBatchTokens === "auto"
      ? automaticMicroBatch({ config, lora: rank > 0 ? benchLora(rank) : null }, { gradientCheckpointing })
      : sizes.microBatchTokens;
  const policy = benchPolicy(device, config, { rank, seed, weights: sizes.weights });
  const reference = freezePolicy(policy);
  const optimizer = new AdamW(policy.parameters, { beta2: 0.999 });
  const rng = new Rng(seed, 1);
  const prompts = Array.from(
    { length: promptsPerStep * (steps + warmUp) },
    (_, i): Prompt => ({
      problem: { id: String(i), question: "", answer: "" },
      tokens: Array.from({ length: promptTokens }, () => rng.integer(3, 42)),
    }),
  );
  const grading: Grading = {
    eosId: 1,
    decode: () => "",
    extract: () => null,
    grade: async (scored) =>
      scored.map(({ attempt }) => ({ correct: (attempt.tokens.reduce((sum, id) => sum + id, 0) % 7) / 7 })),
  };
  const training: GrpoTrainingOptions = {
    schedule: { learningRate, warmupSteps: 0, totalSteps: steps + warmUp, decay: "linear", finalShare: 0 },
    loss: (batch, whole) =>
      grpoLoss(batch, { clipLow: 0.2, clipHigh: 0.2, beta: 0.04, entropyBonus: 0, aggregation: "dapo" }, whole),
    sampling: { temperature: 1, topK: 0, topP: 1, maxNewTokens: completionTokens, ignoreEos: true },
    promptsPerStep,
    group,
    microBatchTokens,
    gradientCheckpointing,
    // transformers leaves the load-balancing loss out, too, unless it is asked for.
    balanceCoefficient: 0,
    seed,
  };
  const taken: Record<"step_time" | "rollout/seconds" | "update/seconds", number[]> = {
    step_time: [],
    "rollout/seconds": [],
    "update/seconds": [],
  };
  await trainGrpo(
    { policy, reference, optimizer, firstStep: 0 },
    prompts,
    grading,
    training,
    async ({ step, metrics }) => {
      if (step >= warmUp) {
        for (const [name, list] of Object.entries(taken)) list.push(metrics[name]);
        onStep(step - warmUp + 1, metrics.step_time);
      }
      return "go on";
    },
  );
  const trainedParams = policy.parameters.count;
  const secondsPerStep = median(taken.step_time);
  return {
    workload,
    sizes: { ...sizes, microBatchTokens },
    secondsPerStep,
    generateSeconds: median(taken["rollout/seconds"]),
    updateSeconds: median(taken["update/seconds"]),
    params: parameterCount(config) + (rank === 0 ? 0 : trainedParams),
    trainedParams,
    completionTokensPerSecond: (promptsPerStep * group * completionTokens) / secondsPerStep,
  };
}
