import { join } from "node:path";
import { ConfigError, RewardError, TrainingError } from "../base/errors.ts";
import { mean } from "../base/statistics.ts";
import { evaluate } from "../eval/evaluate.ts";
import { closePolicy, type Policy } from "../model/policy.ts";
import { GradientWatch } from "../model/trained-modules.ts";
import type { RunEvent } from "../records/events.ts";
import type { Prompt } from "../records/problem.ts";
import { greedy, type SamplingOptions } from "../rollout/sampling.ts";
import { newestCheckpoint } from "../runs/run-reader.ts";
import type { RunWriter } from "../runs/run-writer.ts";
import { trainGrpo } from "../train/grpo.ts";
import type { GrpoRun } from "../train/grpo-run.ts";
import type { AfterStep, StepReport } from "../train/hooks.ts";
import { probeLengths } from "../train/length-probe.ts";
import { trainPpo } from "../train/ppo.ts";
import { closeCritic, createCritic, loadCritic, saveCritic } from "../train/ppo-critic.ts";
import type { Critic } from "../train/ppo-run.ts";
import { trainSupervised } from "../train/supervised.ts";
import { loadOptimizer, readStageProgress, type StageProgress, saveTrainingState } from "../train/training-state.ts";
import { AdamW } from "../update/adamw.ts";
import { keepsExperts, trainedRecord } from "./attempt-record.ts";
import { explainDivergence, SavedCheckpoints } from "./divergence.ts";
import type { ModelMoment, ModelStore } from "./model-store.ts";
import { isReinforcement, type PpoStage, type Recipe, type RlStage, type TrainingStage } from "./recipe.ts";
import type { OpenSimilarity } from "./similarity.ts";
import type { Planned } from "./stage-plan.ts";
import type { StageGrading } from "./stage-rewards.ts";
import type { Task } from "./task.ts";
import { grpoOptions, ppoOptions, supervisedOptions } from "./training-options.ts";
import { TrainingWatch, warningOfProbe, warningOfSilence } from "./training-watch.ts";

/** What a stage works with. */
export interface StageContext {
  recipe: Recipe;
  task: Task;
  store: ModelStore;
  policy: Policy;
  writer: RunWriter;
  emit: (event: RunEvent) => void;
  stopRequested: () => boolean;
  /** FLOP/s that `perf/mfu` is a share of; null leaves it out. */
  peakFlops: number | null;
  /** How the stages that reinforce grade, by name. */
  rewards: ReadonlyMap<string, StageGrading>;
  /** What those of them compare texts by; a stage gives back what it opened of it. */
  similarity: Pick<OpenSimilarity, "close">;
  /** Problems that choose the best checkpoint; when empty, what training itself shows chooses it. */
  validation: readonly Prompt[];
}

/** Where a stage is taken up again. */
export interface StageStart {
  /** The checkpoint to go on from, or null to begin. */
  checkpoint: string | null;
  /** When the model was what the stage began with, which KL is measured against. */
  beginning: ModelMoment;
}

/** How a stage ended: done, or stopped with a checkpoint saved. */
export type StageOutcome = { status: "done" | "stopped"; seconds: number; steps: number };

/**
 * Trains one stage with logging, checkpoints and validation.
 *
 * The best checkpoint is the one of highest validation accuracy. Without validation it is the one over whose steps, since
 * the checkpoint before, the mean reward was highest (rl, ppo) or the mean loss lowest (supervised).
 *
 * @throws TrainingError when the loss, the gradient or a weight is not finite, naming what to try and the last good
 * checkpoint: the newest with whose weights a finite loss was computed
 */
export async function runTrainingStage(
  context: StageContext,
  stage: Planned<TrainingStage>,
  start: StageStart,
): Promise<StageOutcome> {
  const { policy, recipe, store, emit } = context;
  const reference = isReinforcement(stage) && stage.beta > 0 ? await store.freeze(policy, start.beginning) : null;
  const optimizer = new AdamW(policy.parameters, stage);
  const critic = stage.kind === "ppo" ? createCritic(policy, { ...stage, seed: recipe.seed }) : null;
  const progress: StageProgress = { stage: stage.name, step: 0, updates: 0, tokens: 0, seconds: 0 };
  if (start.checkpoint) {
    Object.assign(progress, readStageProgress(start.checkpoint));
    loadOptimizer(start.checkpoint, optimizer, policy, progress);
    if (critic) loadCritic(start.checkpoint, critic, progress.updates);
  } else emit({ type: "stage-start", time: Date.now(), stage: stage.name, kind: stage.kind, totalSteps: stage.steps });

  const watch = new TrainingWatch(stage, trainedRouter(store, policy));
  const secondsBefore = progress.seconds;
  const began = performance.now();
  let status: StageOutcome["status"] = "done";
  const saved = new SavedCheckpoints(start.checkpoint ?? newestCheckpoint(context.writer.dir));
  const validating = () => context.validation.length > 0 && due(progress.step, recipe.validation.every, stage.steps);
  /** What each step since the last checkpoint says of it, higher is better. */
  let outcomes: number[] = [];
  /** Steps that are done with, their checkpoint included. */
  let whole = progress.step;
  /** Steps that a checkpoint holds. */
  let kept = progress.step;

  const save = async () => {
    await checkWeights(policy, critic);
    const score =
      context.validation.length === 0 ? mean(outcomes) : validating() ? await validate(context, progress) : null;
    outcomes = [];
    const event = await context.writer.saveCheckpoint({
      stage: stage.name,
      step: progress.step,
      score,
      keepLast: recipe.checkpoints.keepLast,
      write: async (dir) => {
        await store.save(dir, policy);
        await saveTrainingState(dir, { policy, optimizer, progress });
        if (critic) await saveCritic(dir, critic);
      },
    });
    kept = progress.step;
    saved.add(join(context.writer.dir, event.path));
    emit(event);
  };

  const afterStep: AfterStep = async (report) => {
    progress.step = report.step + 1;
    progress.updates = optimizer.steps;
    progress.tokens += report.tokens;
    progress.memory = report.memory;
    progress.seconds = secondsBefore + (performance.now() - began) / 1000;
    saved.followedBy(report);
    outcomes.push(isReinforcement(stage) ? report.metrics.reward : -report.metrics.loss);
    record(context, stage, report, progress);
    for (const message of watch.warningsAfter(progress.step, report.metrics, report.experts))
      emit({ type: "warning", time: Date.now(), stage: stage.name, step: progress.step, message });
    const stopping = context.stopRequested() && progress.step < stage.steps;
    if (stopping || validating() || due(progress.step, recipe.checkpoints.every, stage.steps)) await save();
    whole = progress.step;
    if (stopping) status = "stopped";
    return stopping ? "stop" : "go on";
  };

  const silence = new GradientWatch(policy);
  let looks = 0;
  const beforeUpdate = async (step: number) => {
    if (step >= firstLooks && step % lookEvery !== 0) return;
    looks++;
    await silence.look();
  };
  try {
    const from = { firstStep: progress.step, memory: progress.memory };
    await train(context, stage, { reference, optimizer, critic, ...from, beforeUpdate }, afterStep);
    const asked = { looks, resumed: start.checkpoint !== null, adapter: policy.adapter !== null };
    const message = warningOfSilence(silence.silent, asked);
    if (message) emit({ type: "warning", time: Date.now(), stage: stage.name, step: progress.step, message });
  } catch (error) {
    if (error instanceof RewardError) {
      // What is wrong is not the model's fault: nothing it has learned is lost.
      if (progress.step > kept) await save();
      throw progress.step === 0 ? error : explainReward(error, stage.name, progress.step);
    }
    throw error instanceof TrainingError ? explainDivergence(error, stage, whole + 1, saved) : error;
  } finally {
    await context.similarity.close();
    silence.close();
    optimizer.close();
    if (critic) closeCritic(critic);
    if (reference) closePolicy(reference);
    // What steps ran in: measuring takes other memory, and no more than it needs.
    policy.stepScope.close();
    policy.pieceScope.close();
  }
  return { status, seconds: progress.seconds, steps: progress.step };
}

/** Experts each token uses, where routers are trained; null elsewhere. */
function trainedRouter(store: ModelStore, { config }: Policy): { activeExperts: number } | null {
  const { lora, frozenRouters } = store.plan();
  const trained = lora ? lora.router : !frozenRouters;
  return config.experts > 0 && trained ? { activeExperts: config.activeExperts } : null;
}

/** Steps at whose gradients what is trained is looked at: the first ones, then now and again. */
const firstLooks = 4;
const lookEvery = 25;

/** Whether something that happens every so many steps, and at the end, happens after this one. */
const due = (step: number, every: number, total: number) => step % every === 0 || step === total;

async function train(
  context: StageContext,
  stage: Planned<TrainingStage>,
  run: Omit<GrpoRun, "policy"> & { critic: Critic | null },
  afterStep: AfterStep,
): Promise<void> {
  const { policy, recipe, task, peakFlops } = context;
  const { seed } = recipe;
  const lora = policy.adapter?.options ?? null;
  const setting = { recipe, task, model: { config: policy.config, lora }, peakFlops };
  if (!isReinforcement(stage)) {
    const demonstrations = task.demonstrations(stage.workedSolutions, seed);
    return trainSupervised({ policy, ...run }, demonstrations, supervisedOptions(stage, setting), afterStep);
  }
  const { critic } = run;
  const prompts = task.prompts("reinforcement", stage.problems, seed);
  const { grading, weights } = gradingOf(context, stage);
  if (stage.kind === "ppo" && critic) {
    const options = { ...ppoOptions(stage, setting), rewardWeights: weights };
    if (run.firstStep === 0) await probe(context, stage, prompts, options.sampling);
    return trainPpo({ policy, ...run, critic }, prompts, grading, options, afterStep);
  }
  if (stage.kind === "rl") {
    const options = { ...grpoOptions(stage, setting), rewardWeights: weights };
    if (run.firstStep === 0) await probe(context, stage, prompts, options.sampling);
    return trainGrpo({ policy, ...run }, prompts, grading, options, afterStep);
  }
}

/** How a stage that reinforces grades: with its own rewards beside what the task grades. */
function gradingOf({ rewards }: StageContext, { name }: Planned<RlStage | PpoStage>): StageGrading {
  const found = rewards.get(name);
  if (found) return found;
  throw new ConfigError(`stage ${name}: its rewards were not opened; see openStageRewards`);
}

function explainReward(error: RewardError, stage: string, steps: number): RewardError {
  const kept = `${stage} is kept as it was after step ${steps}: mend the reward, and go on with --resume`;
  return new RewardError(`${error.message}\n${kept}`, { cause: error });
}

/** Looks at some completions before the first step, and warns loudly where most are cut. */
async function probe(
  { policy, task, recipe, emit }: StageContext,
  stage: Planned<RlStage | PpoStage>,
  prompts: readonly Prompt[],
  sampling: SamplingOptions,
): Promise<void> {
  if (stage.lengthProbe === 0) return;
  const found = await probeLengths(policy, prompts.slice(0, stage.lengthProbe), task.grading, {
    sampling,
    seed: recipe.seed,
  });
  const message = warningOfProbe(found, task.maxNewTokens);
  if (message) emit({ type: "warning", time: Date.now(), stage: stage.name, step: 0, message });
}

async function validate({ policy, validation, task }: StageContext, progress: StageProgress): Promise<number> {
  const options = { name: progress.stage, sampling: { ...task.sampling, ...greedy(task.maxNewTokens) }, seed: 0 };
  const { summary } = await evaluate(policy, validation, task.grading, options);
  return summary.accuracy;
}

/** Writes a step's metrics, expert use and attempts. */
function record(
  { emit, writer, task, policy, recipe }: StageContext,
  { name: stage, steps }: Planned<TrainingStage>,
  report: StepReport,
  progress: StageProgress,
): void {
  const { step } = progress;
  const keeps = keepsExperts(policy.config, due(step, recipe.checkpoints.every, steps));
  const time = Date.now();
  emit({ type: "metrics", time, stage, step, values: { ...report.metrics, num_tokens: progress.tokens } });
  if (report.experts.length > 0) emit({ type: "experts", time, stage, step, layers: report.experts });
  const records = report.groups.flatMap(({ prompt, attempts, parts, rewards, advantages }) =>
    attempts.map((attempt, i) => {
      const scored = { prompt, attempt, parts: parts[i], answer: task.grading.extract(attempt, prompt) };
      const worth = { reward: rewards[i], advantage: advantages[i] };
      return trainedRecord({ stage, step }, scored, worth, keeps ? policy.config : null);
    }),
  );
  if (records.length > 0) writer.appendAttempts(records);
}

/** @throws TrainingError when a weight is not finite: the loss would show it only at the next step */
async function checkWeights({ device, parameters, stepScope }: Policy, critic: Critic | null): Promise<void> {
  const out = stepScope.temporary("f32", 1);
  for (const { values, length } of [parameters, ...(critic ? [critic.head.parameters] : [])]) {
    device.enqueue("sumSquares", { x: values, out, count: length });
    const [sum] = await device.read(out);
    if (!Number.isFinite(sum)) throw new TrainingError(`the sum of the squared weights is ${sum}`);
  }
  stepScope.end();
}
