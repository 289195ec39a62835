import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import type { HubProgress } from "../base/hub/snapshot.ts";
import { version } from "../base/version.ts";
import type { Device } from "../engine/device.ts";
import { openDevice } from "../engine/registry.ts";
import { closePolicy, type Policy } from "../model/policy.ts";
import type { EvaluationSummary, RunEvent } from "../records/events.ts";
import type { Problem } from "../records/problem.ts";
import { writeReport } from "../report/write.ts";
import { createRun, openRun } from "../runs/create-run.ts";
import { newestCheckpoint, readEvents, readRun, runExists, secondsSpent } from "../runs/run-reader.ts";
import type { RunWriter } from "../runs/run-writer.ts";
import { measurePeakFlops } from "../train/flops.ts";
import { readStageProgress } from "../train/training-state.ts";
import { isCounted } from "./attempt-record.ts";
import { checkSameData } from "./data-identity.ts";
import { type EvaluationProgress, measureStage } from "./measure-stage.ts";
import { checkMemory } from "./memory-check.ts";
import type { ModelMoment } from "./model-store.ts";
import { openTask } from "./open-task.ts";
import { isReinforcement, type Recipe } from "./recipe.ts";
import { remarksOnTraining } from "./remarks.ts";
import { type OpenSimilarity, openSimilarity, referencesOf } from "./similarity.ts";
import { type PlannedStage, planStages } from "./stage-plan.ts";
import { type LibraryReward, openStageRewards } from "./stage-rewards.ts";
import { runTrainingStage, type StageContext } from "./stage-runner.ts";
import { checkStartModel } from "./start-model.ts";
import type { Task } from "./task.ts";
import { warningOfStart } from "./training-watch.ts";

/** How a run goes, beside its recipe. */
export interface RunOptions {
  /** Directory that run directories are made in. Default `runs`. */
  root?: string;
  /** Go on with the run of this name, with the recipe it was started with. */
  resume?: boolean;
  /** Delete a run of this name first. */
  overwrite?: boolean;
  /** Sees every event as it is written. */
  onEvent?: (event: RunEvent) => void;
  /** Sees how far a download of the model or the data set is. */
  onDownload?: (progress: HubProgress) => void;
  /** Sees how far an evaluation is. */
  onEvaluation?: (at: EvaluationProgress) => void;
  /** Rewards beside those of the recipe, in every stage that reinforces. */
  rewards?: readonly LibraryReward[];
  /** Asked after every step; true saves a checkpoint and ends the run there. */
  stopRequested?: () => boolean;
}

/** What a run came to. */
export interface RunResult {
  /** The run's directory. */
  run: string;
  stages: EvaluationSummary[];
  /** `stopped`: ended early on request; go on with `resume`. */
  status: "finished" | "stopped";
}

/**
 * Runs a recipe: its stages in order, each measured on the same held-out problems, then the final model and the report.
 *
 * @throws ConfigError when the run's directory is taken; DeviceError; RewardError when a reward fails; CheckpointError when the disk is full;
 * TrainingError when training diverges. What was written before stays, and `resume` goes on from the last checkpoint
 */
export async function runRecipe(recipe: Recipe, options: RunOptions = {}): Promise<RunResult> {
  const device = openDevice(recipe.device);
  try {
    return await runOn(device, recipe, options);
  } finally {
    device.close();
  }
}

async function runOn(device: Device, recipe: Recipe, options: RunOptions): Promise<RunResult> {
  const { root = "runs", overwrite } = options;
  const dir = join(root, recipe.name);
  // A run killed before its directory was complete has nothing to go on with: it begins.
  const resuming = options.resume === true && runExists(dir);
  const before = resuming ? readRun(dir) : null;
  if (before?.finished) return { run: dir, stages: evaluationsOf(before.events), status: "finished" };
  const commit = before?.manifest.startCommit;
  const opened = await openTask(recipe, { commit, onDownload: options.onDownload });
  const from = recipe.model.from ?? null;
  if (before && recipe.task.kind === "words")
    checkSameData(dir, recipe.task.data, before.manifest.data ?? null, opened.data);
  const { store } = opened;
  // What is wrong with a recipe shows here, before there is a directory to be in the way of the next try.
  const model = store.plan();
  const { stages, task, remarks: leftOut } = planStages(recipe, opened.task, model);
  const remarks = [...opened.remarks, ...leftOut];
  const hub = { onProgress: options.onDownload };
  const memory = await checkMemory({ recipe, stages, task, model, hub });
  const at = { time: Date.now(), stage: stages[0].name, step: 0 };
  const estimated: RunEvent = { type: "note", ...at, message: memory };
  options.onEvent?.(estimated);
  let policy: Policy | null = null;
  let similarity: OpenSimilarity | null = null;
  let writer: RunWriter | null = null;
  try {
    if (resuming) {
      writer = openRun(dir);
      await checkStartModel(dir, from, writer.manifest.startModel ?? null, store);
    }
    const position = writer ? findPosition(writer.dir, recipe) : theBeginning;
    const trained = await store.open(device, position.checkpoint);
    policy = trained;
    similarity = openSimilarity({
      device,
      base: () => store.freeze(trained, { kind: "start" }),
      tokenizer: task.tokenizer,
      references: () => referencesOf(recipe.task, trainingProblems(opened.task, recipe)),
      hub,
    });
    // Before there is a directory, too; and again for whoever goes on, as files may have changed.
    const rewards = await openStageRewards(recipe, stages, {
      task,
      settings: recipe.task,
      further: options.rewards,
      similarity: similarity.similarity,
    });
    // Stages that compare no texts have its memory.
    await similarity.close();
    if (writer === null) {
      const start = { startModel: await store.identity(), startCommit: opened.commit, data: opened.data };
      writer = createRun({ root, name: recipe.name, recipe, version, seed: recipe.seed, ...start, overwrite });
    }
    const work = { recipe, stages, task, rewards, similarity, store, policy, writer, remarks, estimated };
    const result = await runFrom(position, work, { ...options, resume: resuming });
    writer.close();
    return result;
  } catch (error) {
    // What went wrong first is what its reader can act on: closing may fail for the same reason.
    try {
      writer?.close();
    } catch {}
    throw error;
  } finally {
    await similarity?.close();
    if (policy) closePolicy(policy);
  }
}

/** Trains and measures from `position` on; writes the final model, when all is done, and the report. */
async function runFrom(
  position: RunPosition,
  {
    stages,
    remarks,
    estimated,
    ...work
  }: Pick<StageContext, "recipe" | "task" | "rewards" | "similarity" | "store" | "policy" | "writer"> & {
    stages: PlannedStage[];
    remarks: readonly string[];
    /** The note of the memory all this takes; it has been seen, but is not written yet. */
    estimated: RunEvent;
  },
  { resume = false, onEvent = () => {}, onEvaluation = () => {}, stopRequested = () => false }: RunOptions,
): Promise<RunResult> {
  const { recipe, task, store, policy, writer } = work;
  const first = stages[position.index];
  const began = performance.now();
  const secondsBefore = resume ? secondsSpent(writer.dir) : 0;
  const emit = (event: RunEvent) => {
    if (event.type !== "checkpoint") writer.append(event);
    onEvent(event);
  };
  if (resume) {
    writer.resumeFrom(first.name, position.step);
    const at = { time: Date.now(), stage: first.name };
    onEvent({ type: "resume", ...at, step: position.step });
    // The log has it from before; who looks on now has not seen how long the stage is.
    if (position.step > 0 && first.kind !== "eval")
      onEvent({ type: "stage-start", ...at, kind: first.kind, totalSteps: first.steps });
  }
  // Again after resuming: a process killed early may not have written it, and readers keep the last.
  const { info } = policy.device;
  emit({ type: "run", time: Date.now(), name: recipe.name, version, seed: recipe.seed, device: { ...info } });
  writer.append(estimated);
  for (const message of [...remarks, ...remarksOnTraining(policy)])
    emit({ type: "note", time: Date.now(), stage: first.name, step: position.step, message });
  const odd = position.checkpoint === null ? warningOfStart(first, recipe.model.from ?? null) : null;
  if (odd) emit({ type: "warning", time: Date.now(), stage: first.name, step: 0, message: odd });
  const { validation, evaluation } = recipe;
  const context: StageContext = {
    ...work,
    emit,
    stopRequested,
    peakFlops: await measurePeakFlops(policy.device),
    validation: validation.problems > 0 ? task.prompts("validation", validation.problems, evaluation.seed) : [],
  };
  const status = await runStages(context, stages, position, onEvaluation);
  if (status === "finished") {
    await writer.saveFinal((dir) => store.save(dir, policy));
    const seconds = secondsBefore + (performance.now() - began) / 1000;
    emit({ type: "run-end", time: Date.now(), seconds });
  }
  writer.flush();
  await reportRun(writer.dir);
  return { run: writer.dir, stages: evaluationsOf(readEvents(writer.dir)), status };
}

/**
 * Writes the report of a run, finished or not; returns its path.
 *
 * @param options path: `report.html` in the run unless given; seed: draws the sample attempts that are shown, without it
 * they are the latest
 * @throws DataError when there is no such run, or the path is no file's
 */
export async function reportRun(dir: string, options: { path?: string; seed?: number } = {}): Promise<string> {
  const { path = join(dir, "report.html"), seed } = options;
  const { recipe, events, manifest, samples } = readRun(dir);
  writeReport(path, {
    recipe: recipe as object,
    events,
    attempts: [...samples()].filter(isCounted),
    seed,
    name: manifest.name,
    version: manifest.version,
    decoding: "greedy decoding on held-out test problems",
  });
  return path;
}

/** The results of a run's stages, in order. */
export function evaluationsOf(events: readonly RunEvent[]): EvaluationSummary[] {
  return events.flatMap((event) => (event.type === "evaluation" ? [event.result] : []));
}

/** Where a run stands: the stage to work on next, the steps of it that are done, and the checkpoint that holds them. */
interface RunPosition {
  index: number;
  step: number;
  checkpoint: string | null;
}

const theBeginning: RunPosition = { index: 0, step: 0, checkpoint: null };

/** Every problem that may be trained on, whatever stages draw of them. */
const trainingProblems = (task: Task, { seed }: Recipe): Problem[] =>
  task.prompts("reinforcement", undefined, seed).map(({ problem }) => problem);

function findPosition(dir: string, recipe: Recipe): RunPosition {
  const checkpoint = newestCheckpoint(dir);
  if (!checkpoint) return theBeginning;
  const { stage, step } = readStageProgress(checkpoint);
  const index = recipe.stages.findIndex(({ name }) => name === stage);
  if (index < 0)
    throw new CheckpointError(
      `${checkpoint}: expected a stage of the recipe, got ${stage}; delete this checkpoint to go back to the one before`,
    );
  return { index, step, checkpoint };
}

async function runStages(
  context: StageContext,
  stages: readonly PlannedStage[],
  position: RunPosition,
  onEvaluation: NonNullable<RunOptions["onEvaluation"]>,
): Promise<RunResult["status"]> {
  const { emit, writer } = context;
  for (let index = position.index; index < stages.length; index++) {
    const stage = stages[index];
    const resumed = index === position.index && position.step > 0;
    let outcome = { status: "done", seconds: 0, steps: 0 };
    if (stage.kind !== "eval") {
      const checkpoint = resumed ? position.checkpoint : null;
      const beginning = resumed ? beginningOf(writer.dir, stages, index) : beginningNow(stages, index);
      outcome = await runTrainingStage(context, stage, { checkpoint, beginning });
    } else emit({ type: "stage-start", time: Date.now(), stage: stage.name, kind: stage.kind, totalSteps: 0 });
    if (outcome.status === "stopped") return "stopped";
    const measured = await measureStage(context, stage, outcome, onEvaluation);
    if (!measured) return "stopped";
    emit({ type: "stage-end", time: Date.now(), stage: stage.name, seconds: outcome.seconds });
  }
  return "finished";
}

/** When a stage that begins now begins: with the run, where nothing was trained before. */
const beginningNow = (stages: readonly PlannedStage[], index: number): ModelMoment =>
  stages.slice(0, index).some(({ kind }) => kind !== "eval") ? { kind: "now" } : { kind: "start" };

/**
 * When a resumed stage began: at the end of the training stage before `index`, or with the run.
 *
 * @throws CheckpointError when KL is to be measured against the end of a stage whose last checkpoint is gone
 */
function beginningOf(dir: string, stages: readonly PlannedStage[], index: number): ModelMoment {
  const before = stages.slice(0, index).findLast((stage) => stage.kind !== "eval");
  if (before === undefined) return { kind: "start" };
  const found = readRun(dir).lastCheckpoints.get(before.name);
  if (found?.step === before.steps) return { kind: "checkpoint", path: found.path };
  const stage = stages[index];
  // Nobody else asks for the beginning.
  if (!isReinforcement(stage) || stage.beta === 0) return { kind: "start" };
  throw new CheckpointError(
    `${dir}: stage ${stage.name} measures KL against the model as ${before.name} left it, expected its checkpoint at step ` +
      `${before.steps}, found ${found ? `none after step ${found.step}` : "none"}; put it back, or start a new run under another name`,
  );
}
