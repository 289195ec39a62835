import { CountingDevice, type HeldBytes } from "../engine/registry.ts";
import { packedRows } from "../model/packed-batch.ts";
import { closePolicy, type Policy } from "../model/policy.ts";
import type { Demonstration, Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { sampleAttempts } from "../rollout/rollout.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";
import { AdamW } from "../update/adamw.ts";
import { countedCritic, countedPolicy, countedReference, type ModelPlan } from "./counted-policy.ts";
import { EasiestFirst } from "./easiest-first.ts";
import { EpochOrder } from "./epoch-order.ts";
import { trainGrpo } from "./grpo.ts";
import type { GrpoTrainingOptions } from "./grpo-options.ts";
import { isOversized } from "./memory.ts";
import { fillMicroBatches } from "./micro-batches.ts";
import { trainPpo } from "./ppo.ts";
import { closeCritic } from "./ppo-critic.ts";
import type { PpoTrainingOptions } from "./ppo-options.ts";
import { type SupervisedOptions, trainSupervised } from "./supervised.ts";

/** What a stage trains with; all of it as the loops are told. */
export type TrainingPlan =
  | { kind: "supervised"; demonstrations: readonly Demonstration[]; options: SupervisedOptions }
  | { kind: "grpo"; prompts: readonly Prompt[]; options: GrpoTrainingOptions; reference: boolean }
  | { kind: "ppo"; prompts: readonly Prompt[]; options: PpoTrainingOptions; reference: boolean };

/** A stage of a run: its training, if it trains, and the prompts it is measured on, one attempt each. */
export interface StagePlan {
  training: TrainingPlan | null;
  measured: readonly Prompt[];
  sampling: SamplingOptions;
}

/** Memory at the moment a stage needs most of it. */
export interface StageMemory {
  /** Bytes by purpose, largest first; see `purposes`, and `packed`, `scratch` and `saving`. */
  parts: { purpose: string; bytes: number }[];
  bytes: number;
  /** Most bytes of tensors that are allocated at once: more than are resident, as nothing writes to the end of a slab. */
  allocatedBytes: number;
}

/**
 * What a stage will hold on the native device, beside the process itself. Its heaviest step and the beginning of its
 * measurement are run, as they will be run, on a device that counts and computes nothing; attempts all grow to their longest.
 *
 * @param device threads and precision of the device that is meant
 */
export async function estimateStage(
  model: ModelPlan,
  { training, measured, sampling }: StagePlan,
  info: { threads: number; precision: "f32" | "bf16" | "f64" },
): Promise<StageMemory> {
  const device = new CountingDevice(info);
  const policy = countedPolicy(device, model);
  let saving = 0;
  if (training) {
    // Both moments are copied to the host while they are saved.
    saving = 2 * 4 * policy.parameters.length;
    const optimizer = new AdamW(policy.parameters);
    await runHeaviestStep(device, policy, optimizer, training);
    optimizer.close();
    policy.stepScope.close();
    policy.pieceScope.close();
  }
  if (measured.length > 0) await beginMeasuring(policy, measured, sampling);
  const held = { ...device.heldAtPeak, ...(saving > 0 && { saving }) };
  return stageMemory(held, device.memory().peakBytes);
}

function stageMemory(held: HeldBytes, allocatedBytes: number): StageMemory {
  const parts = Object.entries(held)
    .map(([purpose, bytes]) => ({ purpose, bytes }))
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes);
  return { parts, bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), allocatedBytes };
}

/** Ends nothing: attempts grow to their longest. */
const endless: Grading = {
  eosId: [],
  decode: () => "",
  grade: async (scored) => scored.map(() => ({ correct: 0 })),
  extract: () => null,
};

async function runHeaviestStep(
  device: CountingDevice,
  policy: Policy,
  optimizer: AdamW,
  whole: TrainingPlan,
): Promise<void> {
  const plan = withoutCurriculum(whole);
  const steps = heaviestSteps(plan);
  // Twice: what the first one leaves (moments, the memory of a step in one piece) is there while the second runs.
  for (const step of [...steps, ...steps]) await runStep(device, policy, optimizer, plan, step);
}

async function runStep(
  device: CountingDevice,
  policy: Policy,
  optimizer: AdamW,
  plan: TrainingPlan,
  step: number,
): Promise<void> {
  const only = { ...plan.options.schedule, totalSteps: step + 1 };
  const run = { policy, optimizer, firstStep: step };
  const stop = async () => "stop" as const;
  if (plan.kind === "supervised")
    return trainSupervised(run, plan.demonstrations, { ...plan.options, schedule: only }, stop);
  const reference = plan.reference ? countedReference(device, policy) : null;
  const sampling = { ...plan.options.sampling, stopStrings: [], stopTokens: [] };
  const longest = { schedule: only, sampling, rewardWeights: { correct: 1 } };
  if (plan.kind === "ppo") {
    const critic = countedCritic(device, policy);
    await trainPpo({ ...run, reference, critic }, plan.prompts, endless, { ...plan.options, ...longest }, stop);
    closeCritic(critic);
  } else {
    // Every group teaches something, so that every one is in the update.
    const advantages = (rewards_PG: readonly (readonly number[])[]) =>
      rewards_PG.map((rewards) => rewards.map(() => 1));
    // None of them ends, and all are trained on.
    const all = { ...plan.options, ...longest, advantages, maskTruncated: false, curriculum: "none" as const };
    await trainGrpo({ ...run, reference }, plan.prompts, endless, all, stop);
  }
  if (reference) closePolicy(reference);
}

/** Easiest first, long prompts meet in one step: the heaviest such step by itself. By solve rates, anything may meet. */
function withoutCurriculum(plan: TrainingPlan): TrainingPlan {
  if (plan.kind !== "grpo" || plan.options.curriculum !== "easiest") return plan;
  const { promptsPerStep = 32, schedule, seed = 0 } = plan.options;
  const order = new EasiestFirst(plan.prompts, [seed, 3], schedule.totalSteps * promptsPerStep);
  const steps = Array.from(
    { length: Math.min(schedule.totalSteps, mostLooked) },
    (_, i) => schedule.totalSteps - 1 - i,
  );
  const rows = (step: number) => order.at(step, promptsPerStep).reduce((sum, { tokens }) => sum + tokens.length, 0);
  const prompts = order.at(steps[largest(steps.length, (i) => rows(steps[i]))], promptsPerStep);
  return { ...plan, prompts, options: { ...plan.options, schedule: { ...schedule, totalSteps: 1 } } };
}

/** Steps that are looked at for the heaviest one: among so many, one is about as heavy as they get. */
const mostLooked = 1000;

/**
 * The step whose largest pass has the most rows, of several the first; where that pass is one of which only inputs of layers
 * are kept, also the step with the largest pass of which more is.
 */
function heaviestSteps(plan: TrainingPlan): number[] {
  const steps = Math.min(plan.options.schedule.totalSteps, mostLooked);
  const { seed = 0 } = plan.options;
  if (plan.kind !== "supervised") {
    const { promptsPerStep = plan.kind === "ppo" ? 128 : 32 } = plan.options;
    const order = new EpochOrder(plan.prompts, [seed, 3]);
    const rows = (step: number) => order.at(step, promptsPerStep).reduce((sum, { tokens }) => sum + tokens.length, 0);
    return [largest(steps, rows)];
  }
  const { batchSize = 64, microBatchTokens = 8192 } = plan.options;
  const order = new EpochOrder(plan.demonstrations, [seed, 2]);
  const passes = (step: number) => {
    const sequences = order
      .at(step, batchSize)
      .map(({ prompt, completion }) => ({ prompt: prompt.tokens, completions: [completion] }));
    const rows = (begin: number, end: number) =>
      sequences.slice(begin, end).reduce((sum, sequence) => sum + packedRows(sequence), 0);
    return fillMicroBatches(sequences, microBatchTokens).map(([begin, end]) => rows(begin, end));
  };
  const whole = (rows: number) => !isOversized(rows, microBatchTokens);
  const heaviest = largest(steps, (step) => Math.max(...passes(step)));
  if (passes(heaviest).every(whole)) return [heaviest];
  return [heaviest, largest(steps, (step) => Math.max(0, ...passes(step).filter(whole)))];
}

function largest(count: number, weigh: (i: number) => number): number {
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const weight = weigh(i);
    if (weight > most) [best, most] = [i, weight];
  }
  return best;
}

/** Thrown out of sampling when no further attempts come under way. */
class Steady extends Error {}

/** Samples until as many attempts are under way as will be: from there on pieces are alike. */
async function beginMeasuring(policy: Policy, prompts: readonly Prompt[], sampling: SamplingOptions): Promise<void> {
  let tokens = 0;
  let underway = 0;
  try {
    await sampleAttempts(
      policy,
      prompts.map((prompt) => prompt.tokens),
      {
        ...sampling,
        stopStrings: [],
        stopTokens: [],
        eosId: [],
        keepExperts: false,
        onProgress: (at) => {
          const now = at.tokens - tokens;
          if (now <= underway) throw new Steady();
          tokens = at.tokens;
          underway = now;
        },
      },
    );
  } catch (error) {
    if (!(error instanceof Steady)) throw error;
  }
}
