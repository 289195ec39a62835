import { join } from "node:path";
import { TrainingError } from "../base/errors.ts";
import { evaluate } from "../eval/evaluate.ts";
import { loadModel, saveModel } from "../model/checkpoint.ts";
import { closePolicy, createPolicy, freezePolicy, type Policy } from "../model/policy.ts";
import type { RunEvent } from "../records/events.ts";
import type { Prompt } from "../records/problem.ts";
import { greedy } from "../rollout/sampling.ts";
import type { RunWriter } from "../runs/run-writer.ts";
import { trainGrpo } from "../train/grpo.ts";
import type { GrpoTrainingOptions } from "../train/grpo-options.ts";
import type { AfterStep, StepReport } from "../train/hooks.ts";
import { trainSupervised } from "../train/supervised.ts";
import { loadOptimizer, readStageProgress, type StageProgress, saveTrainingState } from "../train/training-state.ts";
import { AdamW } from "../update/adamw.ts";
import type { ArithmeticTask } from "./arithmetic-task.ts";
import { attemptRecord } from "./attempt-record.ts";
import type { Recipe, RlStage, SupervisedStage } from "./recipe.ts";
import { TrainingWatch } from "./training-watch.ts";

/** What a stage works with. */
export interface StageContext {
  recipe: Recipe;
  task: ArithmeticTask;
  policy: Policy;
  writer: RunWriter;
  emit: (event: RunEvent) => void;
  stopRequested: () => boolean;
  peakFlops: number;
  /** Problems that choose the best checkpoint; empty when validation is off. */
  validation: readonly Prompt[];
}

/** Where a stage is taken up again. */
export interface StageStart {
  /** The checkpoint to go on from, or null to begin. */
  checkpoint: string | null;
  /** Model the stage began with, of a stage that is gone on with: KL is measured against it. Null: fresh weights. */
  beginning: string | null;
}

/** How a stage ended: done, or stopped with a checkpoint saved. */
export type StageOutcome = { status: "done" | "stopped"; seconds: number; steps: number };

/**
 * Trains one stage with logging, checkpoints and validation.
 *
 * @throws TrainingError when the loss or the gradient is not finite, naming the last good checkpoint and what to try
 */
export async function runTrainingStage(
  context: StageContext,
  stage: SupervisedStage | RlStage,
  start: StageStart,
): Promise<StageOutcome> {
  const { policy, recipe, emit } = context;
  const reference = stage.kind === "rl" && stage.beta > 0 ? frozenStart(policy, start, recipe.seed) : null;
  const optimizer = new AdamW(policy.parameters, stage);
  const progress: StageProgress = { stage: stage.name, step: 0, updates: 0, tokens: 0, seconds: 0 };
  if (start.checkpoint) {
    Object.assign(progress, readStageProgress(start.checkpoint));
    loadOptimizer(start.checkpoint, optimizer, policy, progress);
  } else emit({ type: "stage-start", time: Date.now(), stage: stage.name, kind: stage.kind, totalSteps: stage.steps });

  const watch = new TrainingWatch();
  const secondsBefore = progress.seconds;
  const began = performance.now();
  let status: StageOutcome["status"] = "done";
  let lastSaved = start.checkpoint;

  const save = async () => {
    const score =
      context.validation.length > 0 && due(progress.step, recipe.validation.every, stage.steps)
        ? await validate(context, progress)
        : null;
    const saved = await context.writer.saveCheckpoint({
      stage: stage.name,
      step: progress.step,
      score,
      keepLast: recipe.checkpoints.keepLast,
      write: async (dir) => {
        await saveModel(dir, policy, { tokenizer: "math", task: recipe.task });
        await saveTrainingState(dir, { policy, optimizer, progress });
      },
    });
    lastSaved = join(context.writer.dir, saved.path);
    emit(saved);
  };

  const afterStep: AfterStep = async (report) => {
    progress.step = report.step + 1;
    progress.updates = optimizer.steps;
    progress.tokens += report.tokens;
    progress.seconds = secondsBefore + (performance.now() - began) / 1000;
    record(context, stage.name, report, progress);
    const warnings = stage.kind === "rl" ? watch.warningsAfter(stage, progress.step, report.metrics) : [];
    for (const message of warnings)
      emit({ type: "warning", time: Date.now(), stage: stage.name, step: progress.step, message });
    const stopping = context.stopRequested() && progress.step < stage.steps;
    if (
      stopping ||
      due(progress.step, recipe.checkpoints.every, stage.steps) ||
      due(progress.step, recipe.validation.every, stage.steps)
    )
      await save();
    if (stopping) status = "stopped";
    return stopping ? "stop" : "go on";
  };

  try {
    await train(context, stage, { reference, optimizer, firstStep: progress.step }, afterStep);
  } catch (error) {
    throw error instanceof TrainingError ? explain(error, stage, progress.step, lastSaved) : error;
  } finally {
    optimizer.close();
    if (reference) {
      reference.parameters.close();
      reference.stepScope.close();
      reference.pieceScope.close();
    }
  }
  return { status, seconds: progress.seconds, steps: progress.step };
}

/** Whether something that happens every so many steps, and at the end, happens after this one. */
const due = (step: number, every: number, total: number) => step % every === 0 || step === total;

/** The policy as it was when the stage began, frozen. */
function frozenStart(policy: Policy, { checkpoint, beginning }: StageStart, seed: number): Policy {
  if (!checkpoint) return freezePolicy(policy);
  const { device, config } = policy;
  const origin = beginning
    ? loadModel(device, beginning, { trained: false }).policy
    : createPolicy(device, config, { seed, trained: false });
  const reference = freezePolicy(origin);
  closePolicy(origin);
  return { ...reference, decoder: policy.decoder };
}

async function train(
  context: StageContext,
  stage: SupervisedStage | RlStage,
  run: { reference: Policy | null; optimizer: AdamW; firstStep: number },
  afterStep: AfterStep,
): Promise<void> {
  const { policy, recipe, task, peakFlops } = context;
  const { seed } = recipe;
  const { learningRate, warmupSteps, decay, finalShare, microBatchTokens, balanceCoefficient } = stage;
  const schedule = { learningRate, warmupSteps, decay, finalShare, totalSteps: stage.steps };
  const shared = { schedule, microBatchTokens, balanceCoefficient, seed, peakFlops };
  if (stage.kind !== "rl") {
    const demonstrations = task.demonstrations(stage.workedSolutions, seed);
    return trainSupervised({ policy, ...run }, demonstrations, { ...shared, batchSize: stage.batchSize }, afterStep);
  }
  const { clipLow, clipHigh, beta, entropyBonus, aggregation, temperature, topK, topP } = stage;
  const options: GrpoTrainingOptions = {
    ...shared,
    loss: { clipLow, clipHigh, beta, entropyBonus, aggregation },
    sampling: { temperature, topK, topP, maxNewTokens: task.maxNewTokens },
    promptsPerStep: stage.promptsPerStep,
    group: stage.group,
    scale: stage.scale,
    updatesPerRollout: stage.updatesPerRollout,
    rewardWeights: stage.rewards,
  };
  const prompts = task.prompts("reinforcement", stage.problems, seed);
  return trainGrpo({ policy, ...run }, prompts, task.grading, options, afterStep);
}

async function validate({ policy, validation, task }: StageContext, progress: StageProgress): Promise<number> {
  const options = { name: progress.stage, sampling: greedy(task.maxNewTokens), seed: 0 };
  const { summary } = await evaluate(policy, validation, task.grading, options);
  return summary.accuracy;
}

/** Writes a step's metrics, expert use and attempts. */
function record(
  { emit, writer, task }: StageContext,
  stage: string,
  report: StepReport,
  progress: StageProgress,
): void {
  const { step } = progress;
  const time = Date.now();
  emit({ type: "metrics", time, stage, step, values: { ...report.metrics, num_tokens: progress.tokens } });
  if (report.experts.length > 0) emit({ type: "experts", time, stage, step, layers: report.experts });
  const records = report.groups.flatMap(({ prompt, attempts, parts, rewards, advantages }) =>
    attempts.map((attempt, i) => {
      const scored = { prompt, attempt, parts: parts[i], answer: task.grading.extract(attempt, prompt) };
      return attemptRecord({ stage, step }, scored, { reward: rewards[i], advantage: advantages[i] });
    }),
  );
  if (records.length > 0) writer.appendAttempts(records);
}

function explain(
  error: TrainingError,
  stage: SupervisedStage | RlStage,
  done: number,
  lastSaved: string | null,
): TrainingError {
  const kept = lastSaved ? `the last good checkpoint is ${lastSaved}` : "no checkpoint had been written yet";
  return new TrainingError(
    `stage ${stage.name}, step ${done + 1}: ${error.message}; ${kept}. Try a lower learningRate (now ${stage.learningRate}), ` +
      `more warmupSteps (${stage.warmupSteps}) or a smaller maxGradNorm (${stage.maxGradNorm})`,
    { cause: error },
  );
}
