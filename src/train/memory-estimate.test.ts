import { describe, expect, it } from "vitest";
import { openDevice } from "../engine/registry.ts";
import { bytesOf, type WeightFormat } from "../engine/weight-formats.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { decoderArrays } from "../model/definitions.ts";
import { FrozenWeights } from "../model/frozen-weights.ts";
import { attachLora } from "../model/lora.ts";
import { closePolicy, createPolicy, freezePolicy, frozenPolicy, type Policy } from "../model/policy.ts";
import type { Demonstration, Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { AdamW } from "../update/adamw.ts";
import type { FrozenArray, ModelPlan } from "./counted-policy.ts";
import { trainGrpo } from "./grpo.ts";
import { estimateStage, type StagePlan, type TrainingPlan } from "./memory-estimate.ts";
import { trainSupervised } from "./supervised.ts";

const size = { size: "tiny", width: 128, heads: 4, feedForward: 256, layers: 2, block: "llama" } as const;
const shapes = {
  dense: { ...mathFormer(size, 1200), kvHeads: 2, tiedOutput: true },
  mixture: mathFormer({ ...size, feedForward: 96, experts: 6, activeExperts: 2 }, 1200),
} satisfies Record<string, DecoderConfig>;

/** Matrices in `format`, the rest in f32. */
const frozenArrays = (config: DecoderConfig, format: WeightFormat): FrozenArray[] =>
  decoderArrays(config).map(({ name, shape }) => ({
    name,
    shape,
    format: shape.length === 1 || name.endsWith("router.weight") ? "f32" : format,
  }));

const prompt = (length: number, i: number): Prompt => ({
  problem: { id: `${i}`, question: "", answer: "" },
  tokens: Array.from({ length }, (_, t) => 1 + ((i + t) % 500)),
});
const prompts = Array.from({ length: 8 }, (_, i) => prompt(20 + 3 * i, i));
const demonstrations: Demonstration[] = prompts.map((one, i) => ({
  prompt: one,
  completion: prompt(40 - i, i).tokens,
}));

const schedule = { learningRate: 1e-3, totalSteps: 1 };
const trainings = {
  supervised: (gradientCheckpointing: boolean): TrainingPlan => ({
    kind: "supervised",
    demonstrations,
    options: { schedule, batchSize: 8, microBatchTokens: 300, gradientCheckpointing },
  }),
  grpo: (gradientCheckpointing: boolean): TrainingPlan => ({
    kind: "grpo",
    prompts,
    reference: true,
    options: {
      schedule,
      gradientCheckpointing,
      sampling: { maxNewTokens: 12, ignoreEos: true },
      promptsPerStep: 4,
      group: 4,
      advantages: (rewards_PG) => rewards_PG.map((rewards) => rewards.map((_, g) => (g % 2 ? 1 : -1))),
    },
  }),
};

function realPolicy({ config, frozen, lora }: ModelPlan, device = openDevice({ name: "native", threads: 1 })): Policy {
  if (!frozen) return createPolicy(device, config, { seed: 1, trained: true });
  const weights = new FrozenWeights(device);
  for (const { name, shape, format } of frozen) {
    const elements = shape.reduce((product, axis) => product * axis, 1);
    const values = new Float32Array(elements).fill(0.01);
    weights.add(name, shape, format, format === "f32" ? values : new Uint8Array(bytesOf(format, shape)));
  }
  const base = frozenPolicy(device, config, weights);
  return lora ? attachLora(base, lora) : base;
}

/** Peak of tensors, and of them with packed copies and scratch memory at the end, of a step that is really run. */
async function measure(model: ModelPlan, training: TrainingPlan) {
  const policy = realPolicy(model);
  const { device } = policy;
  const optimizer = new AdamW(policy.parameters);
  const run = { policy, optimizer, firstStep: 0 };
  const stop = async () => "stop" as const;
  if (training.kind === "supervised") await trainSupervised(run, training.demonstrations, training.options, stop);
  else {
    const reference = freezePolicy(policy);
    const grading: Grading = {
      eosId: 0,
      decode: () => "",
      grade: async (scored) => scored.map(() => ({ correct: 0 })),
      extract: () => null,
    };
    await trainGrpo({ ...run, reference }, training.prompts, grading, training.options, stop);
    closePolicy(reference);
  }
  const tensors = device.memory().peakBytes;
  const all = tensors + (device.overheadBytes?.() ?? 0);
  device.close();
  return { tensors, all };
}

const models: [string, ModelPlan][] = Object.entries(shapes).flatMap(([name, config]): [string, ModelPlan][] => [
  [`${name}, whole`, { config, frozen: null, lora: null }],
  [`${name}, LoRA on bf16`, { config, frozen: frozenArrays(config, "bf16"), lora: { rank: 8 } }],
]);
const cases = models.flatMap(([name, model]) =>
  (["supervised", "grpo"] as const).flatMap((kind) =>
    // Checkpointing changes nothing in how the two kinds differ.
    (kind === "grpo" ? [false] : [false, true]).map(
      (checkpointing) =>
        [`${name}, ${kind}${checkpointing ? ", checkpointing" : ""}`, model, trainings[kind](checkpointing)] as const,
    ),
  ),
);

const ofHost = { threads: 1, precision: openDevice({ name: "native", threads: 1 }).info.precision };
const withoutSaving = (parts: { purpose: string; bytes: number }[]) =>
  parts.filter(({ purpose }) => purpose !== "saving");
const sum = (parts: { bytes: number }[]) => parts.reduce((total, { bytes }) => total + bytes, 0);

describe("the estimate of a step's memory", () => {
  it.each(cases)("allocates what %s takes", async (_, model, training) => {
    const plan: StagePlan = { training, measured: [], sampling: { maxNewTokens: 12 } };
    const estimate = await estimateStage(model, plan, ofHost);
    const parts = withoutSaving(estimate.parts);
    const measured = await measure(model, training);
    const ofKernels = sum(parts.filter(({ purpose }) => purpose === "packed" || purpose === "scratch"));
    expect(estimate.allocatedBytes).toBe(measured.tensors);
    // Slabs of a mebibyte and more are not filled to their ends; bench/memory-estimate.mjs measures what is resident.
    const resident = sum(parts) - ofKernels;
    expect(resident).toBeLessThanOrEqual(measured.tensors);
    expect(resident).toBeGreaterThanOrEqual(0.4 * measured.tensors);
    expect(ofKernels).toBeGreaterThanOrEqual(measured.all - measured.tensors);
  });
});
