import { Rng } from "../base/rng.ts";
import { median } from "../base/statistics.ts";
import type { Device } from "../engine/device.ts";
import { type DeviceOptions, openDevice } from "../engine/registry.ts";
import { grpoLoss } from "../loss/grpo.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { createPolicy, freezePolicy } from "../model/policy.ts";
import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { AdamW } from "../update/adamw.ts";
import { trainGrpo } from "./grpo.ts";
import type { GrpoTrainingOptions } from "./grpo-options.ts";

/** What `benchTiny` measured; seconds are medians over steps, the first step left out. */
export interface TinyBenchResult {
  secondsPerStep: number;
  /** Of a step: sampling. */
  generateSeconds: number;
  /** Of a step: reference scores, backward, optimizer. */
  updateSeconds: number;
  /** Most memory the process ever held, MiB. */
  peakRssMb: number;
  steps: number;
  params: number;
  completionTokensPerSecond: number;
  device: string;
  isa: string;
  precision: string;
  threads: number;
}

const promptsPerStep = 32;
const group = 4;
const promptLength = 16;
const completionLength = 32;
const vocabularySize = 64;

/** The shape of the workload `tiny-dense`: a Llama of 0.53 M parameters, weights drawn as transformers draws them. */
const tinyDense: DecoderConfig = {
  ...mathFormer({ size: "tiny", width: 128, heads: 4, feedForward: 512, layers: 2, block: "llama" }, vocabularySize),
  normEps: 1e-6,
  tiedOutput: true,
  embeddingScale: 1,
  initialDeviation: 0.02,
};

/**
 * The workload `tiny-dense` of the peers: GRPO of a 0.53 M-parameter Llama, all of it trained; 32 prompts of 16 tokens
 * × 4 completions of 32, every completion forced to full length; β 0.04, learning rate 1e-4, temperature 1.
 *
 * @param options steps to time, after one that is not; seed: names weights, prompts and sampling; device options as for
 *   `openDevice`
 * @throws DeviceError when the device cannot be had; ConfigError when its options are out of range
 */
export async function benchTiny(
  options: Partial<DeviceOptions> & {
    steps?: number;
    seed?: number;
    onStep?: (step: number, seconds: number) => void;
  } = {},
): Promise<TinyBenchResult> {
  const { steps = 20, seed = 0, onStep = () => {}, ...deviceOptions } = options;
  const device = openDevice({ name: "native", ...deviceOptions });
  try {
    return await timeSteps(device, { steps, seed, onStep });
  } finally {
    // All memory of the workload is this device's, and goes with it.
    device.close();
  }
}

async function timeSteps(
  device: Device,
  { steps, seed, onStep }: { steps: number; seed: number; onStep: (step: number, seconds: number) => void },
): Promise<TinyBenchResult> {
  const policy = createPolicy(device, tinyDense, { seed, trained: true });
  const reference = freezePolicy(policy);
  const optimizer = new AdamW(policy.parameters, { beta2: 0.999 });
  const rng = new Rng(seed, 1);
  const prompts = Array.from(
    { length: promptsPerStep * (steps + 1) },
    (_, i): Prompt => ({
      problem: { id: String(i), question: "", answer: "" },
      tokens: Array.from({ length: promptLength }, () => rng.integer(3, 42)),
    }),
  );
  const grading: Grading = {
    eosId: 1,
    decode: () => "",
    extract: () => null,
    grade: ({ tokens }) => ({ correct: (tokens.reduce((sum, id) => sum + id, 0) % 7) / 7 }),
  };
  const training: GrpoTrainingOptions = {
    schedule: { learningRate: 1e-4, warmupSteps: 0, totalSteps: steps + 1, decay: "linear", finalShare: 0 },
    loss: (batch, whole) =>
      grpoLoss(batch, { clipLow: 0.2, clipHigh: 0.2, beta: 0.04, entropyBonus: 0, aggregation: "dapo" }, whole),
    sampling: { temperature: 1, topK: 0, topP: 1, maxNewTokens: completionLength, ignoreEos: true },
    promptsPerStep,
    group,
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
      if (step > 0) {
        for (const [name, list] of Object.entries(taken)) list.push(metrics[name]);
        onStep(step, metrics.step_time);
      }
      return "go on";
    },
  );
  const params = policy.parameters.count;
  const { isa, precision, threads, name } = device.info;
  const secondsPerStep = median(taken.step_time);
  return {
    secondsPerStep,
    generateSeconds: median(taken["rollout/seconds"]),
    updateSeconds: median(taken["update/seconds"]),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    steps,
    params,
    completionTokensPerSecond: (promptsPerStep * group * completionLength) / secondsPerStep,
    device: name,
    isa,
    precision,
    threads,
  };
}
