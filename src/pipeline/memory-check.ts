import { ConfigError } from "../base/errors.ts";
import type { HubOptions } from "../base/hub/snapshot.ts";
import { describeDevices } from "../engine/registry.ts";
import { greedy } from "../rollout/sampling.ts";
import type { FrozenArray, ModelPlan } from "../train/counted-policy.ts";
import { estimateStage, type StageMemory, type StagePlan, type TrainingPlan } from "../train/memory-estimate.ts";
import { isReinforcement, type Recipe } from "./recipe.ts";
import { similaritiesOf } from "./recipe-rewards.ts";
import { similarityKey } from "./similarity.ts";
import { similarityBytes } from "./similarity-memory.ts";
import { measuredPrompts, type PlannedStage } from "./stage-plan.ts";
import type { Task } from "./task.ts";
import { grpoOptions, ppoOptions, supervisedOptions } from "./training-options.ts";

/** A run as far as it is known before its weights are read. */
export interface PlannedRun {
  recipe: Recipe;
  stages: readonly PlannedStage[];
  task: Task;
  model: ModelPlan;
  /** How an encoder on the hub is fetched. */
  hub?: HubOptions;
}

/** Bytes a process holds already, and may hold in all. */
export interface MemoryRoom {
  processBytes: number;
  availableBytes: number;
}

/** What this process has room for: what is free, or the recipe's own limit. */
export function memoryRoom({ memoryLimitGb }: Recipe["device"]): MemoryRoom {
  const held = process.memoryUsage.rss();
  const availableBytes = memoryLimitGb === null ? describeDevices().memory.freeBytes + held : memoryLimitGb * 1e9;
  return { processBytes: held + heapGrowth, availableBytes };
}

/** What the JavaScript heap grows by while a run is under way: batches, completions, metrics. */
const heapGrowth = 50e6;

/**
 * Estimates the memory of every stage, before any of it is taken.
 *
 * @returns the estimate, in words
 * @throws ConfigError when a stage would not fit, with what to lower and how much that saves, or as `similarityBytes`;
 * CheckpointError when what texts are compared by is missing
 */
export async function checkMemory(run: PlannedRun, room: MemoryRoom = memoryRoom(run.recipe.device)): Promise<string> {
  const estimates: { stage: PlannedStage; memory: StageMemory }[] = [];
  for (const stage of run.stages) estimates.push({ stage, memory: await estimate(run, stage) });
  const { stage, memory } = estimates.reduce((most, one) => (one.memory.bytes > most.memory.bytes ? one : most));
  const needed = (bytes: number) => bytes + room.processBytes;
  const parts = partsInWords(memory, room);
  if (needed(memory.bytes) > room.availableBytes)
    throw new ConfigError(
      `${stage.name} would take about ${gigabytes(needed(memory.bytes))} of memory, and there are ` +
        `${gigabytes(room.availableBytes)}\n  ${parts}\n${await mends(run, stage, memory, room)}`,
    );
  const each = estimates.map((one) => `${one.stage.name} ${gigabytes(needed(one.memory.bytes))}`).join(", ");
  return `memory, estimated: ${each}; there are ${gigabytes(room.availableBytes)}\n  ${stage.name}: ${parts}`;
}

const gigabytes = (bytes: number): string =>
  bytes < 1e9 ? `${Math.max(1, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`;

const partsInWords = ({ parts }: StageMemory, { processBytes }: MemoryRoom): string =>
  [...parts, { purpose: "the process itself", bytes: processBytes }]
    .filter(({ bytes }) => bytes >= 5e5)
    .map(({ purpose, bytes }) => `${named[purpose] ?? purpose} ${gigabytes(bytes)}`)
    .join(", ");

/** Purposes that say little by themselves. */
const named: Readonly<Record<string, string>> = {
  packed: "packed copies of weights",
  scratch: "scratch memory of kernels",
  saving: "copies while a checkpoint is saved",
  similarity: "similarity of texts",
};

/** A stage as the loops will be told of it. */
function stagePlan({ recipe, task, model }: PlannedRun, stage: PlannedStage): StagePlan {
  const { seed } = recipe;
  const setting = { recipe, task, model, peakFlops: null };
  let training: TrainingPlan | null = null;
  if (stage.kind === "rl")
    training = {
      kind: "grpo",
      prompts: task.prompts("reinforcement", stage.problems, seed),
      options: grpoOptions(stage, setting),
      reference: stage.beta > 0,
    };
  else if (stage.kind === "ppo")
    training = {
      kind: "ppo",
      prompts: task.prompts("reinforcement", stage.problems, seed),
      options: ppoOptions(stage, setting),
      reference: stage.beta > 0,
    };
  else if (stage.kind !== "eval")
    training = {
      kind: "supervised",
      demonstrations: task.demonstrations(stage.workedSolutions, seed),
      options: supervisedOptions(stage, setting),
    };
  return {
    training,
    measured: measuredPrompts(recipe, task),
    sampling: { ...task.sampling, ...greedy(task.maxNewTokens) },
  };
}

async function estimate(run: PlannedRun, stage: PlannedStage): Promise<StageMemory> {
  const { model, hub } = run;
  const info = deviceInfo(run.recipe);
  const memory = await estimateStage(model, stagePlan(run, stage), info);
  let similarity = 0;
  const asked = "rewards" in stage ? similaritiesOf(stage.rewards) : [];
  for (const options of new Map(asked.map((one) => [similarityKey(one), one])).values())
    similarity += await similarityBytes(options, { model, info, hub });
  if (similarity === 0) return memory;
  const all = [...memory.parts, { purpose: "similarity", bytes: similarity }].sort((a, b) => b.bytes - a.bytes);
  return { ...memory, parts: all, bytes: memory.bytes + similarity };
}

/** Threads and precision of the device that a recipe asks for. */
function deviceInfo({ device }: Recipe): Parameters<typeof estimateStage>[2] {
  const { name, threads, precision } = device;
  if (name === "reference") return { threads: 1, precision: "f64" };
  const { chosen } = describeDevices().native;
  return {
    threads: threads === "auto" ? (chosen?.threads ?? 1) : threads,
    precision: precision === "auto" ? (chosen?.precision ?? "f32") : precision,
  };
}

/** Something that may be set lower, and the run with it. */
interface Mend {
  setting: string;
  run: PlannedRun;
  stage: PlannedStage;
}

/** What to lower, what saves most first; each is tried by itself. */
async function mends(run: PlannedRun, stage: PlannedStage, memory: StageMemory, room: MemoryRoom): Promise<string> {
  const tried: { setting: string; bytes: number }[] = [];
  for (const mend of possibleMends(run, stage))
    tried.push({ setting: mend.setting, bytes: (await estimate(mend.run, mend.stage)).bytes });
  const useful = tried
    .filter(({ bytes }) => memory.bytes - bytes > 0.01 * memory.bytes)
    .sort((a, b) => a.bytes - b.bytes)
    .map(({ setting, bytes }) => {
      const enough = bytes + room.processBytes <= room.availableBytes ? ", which is enough" : "";
      return `  --set ${setting}  saves ${gigabytes(memory.bytes - bytes)}${enough}`;
    });
  const anyway = Math.ceil((memory.bytes + room.processBytes) / 1e8) / 10;
  return ["lower something:", ...useful, `or begin all the same: --set device.memoryLimitGb=${anyway}`].join("\n");
}

function possibleMends(run: PlannedRun, stage: PlannedStage): Mend[] {
  const { recipe, task, model } = run;
  const found: Mend[] = [];
  const add = (setting: string, changes: Partial<PlannedRun>, changed: PlannedStage = stage) =>
    found.push({ setting, run: { ...run, ...changes }, stage: changed });
  const { maxNewTokens } = task;
  if (maxNewTokens > 2) {
    const half = Math.ceil(maxNewTokens / 2);
    const shorter = { ...task, maxNewTokens: half, sampling: { ...task.sampling, maxNewTokens: half } };
    add(`task.maxNewTokens=${half}`, { task: shorter });
  }
  if (model.frozen?.some(({ format }) => format !== "nf4"))
    add("model.weights=nf4", { model: { ...model, frozen: model.frozen.map(inFourBits) } });
  const { length: problems } = measuredPrompts(recipe, task);
  const fewerProblems = Math.ceil(problems / 2);
  if (fewerProblems < problems)
    add(`evaluation.problems=${fewerProblems}`, {
      recipe: { ...recipe, evaluation: { ...recipe.evaluation, problems: fewerProblems } },
    });
  if (stage.kind === "eval") return found;
  const { name } = stage;
  if (!recipe.model.gradientCheckpointing) {
    const checkpointed = { ...recipe, model: { ...recipe.model, gradientCheckpointing: true } };
    add("model.gradientCheckpointing=true", { recipe: checkpointed });
  }
  const { microBatchTokens = 8192 } = stagePlan(run, stage).training?.options ?? {};
  const fewer = Math.max(16, Math.floor(microBatchTokens / 2));
  add(`stages.${name}.microBatchTokens=${fewer}`, {}, { ...stage, microBatchTokens: fewer });
  if (!isReinforcement(stage)) return found;
  for (const [field, least] of [
    ["promptsPerStep", 1],
    ["group", stage.kind === "rl" ? 2 : 1],
  ] as const) {
    const half = Math.max(least, Math.floor(stage[field] / 2));
    if (half < stage[field]) add(`stages.${name}.${field}=${half}`, {}, { ...stage, [field]: half });
  }
  return found;
}

/** The array as `model.weights: nf4` holds it: embeddings, output head, norms, biases and routers stay as they are. */
const inFourBits = (array: FrozenArray): FrozenArray =>
  array.shape.length === 1 || /^(embedding|output)\.|\.bias$|\.router\.weight$/.test(array.name)
    ? array
    : { ...array, format: "nf4" };
