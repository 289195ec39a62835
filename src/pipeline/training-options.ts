import type { ModelPlan } from "../train/counted-policy.ts";
import type { GrpoTrainingOptions } from "../train/grpo-options.ts";
import { automaticMicroBatch } from "../train/micro-batches.ts";
import type { PpoTrainingOptions } from "../train/ppo-options.ts";
import type { SupervisedOptions } from "../train/supervised.ts";
import { algorithmOptions } from "./algorithm-options.ts";
import type { PpoStage, Recipe, RlStage, SupervisedStage, TrainingStage } from "./recipe.ts";
import type { Planned } from "./stage-plan.ts";
import type { Task } from "./task.ts";

/** What a stage's training depends on besides the stage. */
export interface TrainingSetting {
  recipe: Pick<Recipe, "seed" | "model">;
  task: Pick<Task, "sampling">;
  model: Pick<ModelPlan, "config" | "lora">;
  /** FLOP/s that `perf/mfu` is a share of; null leaves it out. */
  peakFlops: number | null;
}

/** A supervised stage as `trainSupervised` is told of it. */
export function supervisedOptions(stage: Planned<SupervisedStage>, setting: TrainingSetting): SupervisedOptions {
  return { ...sharedOptions(stage, setting), batchSize: stage.batchSize };
}

/** A stage of reinforcement as `trainGrpo` is told of it. */
export function grpoOptions(stage: Planned<RlStage>, setting: TrainingSetting): GrpoTrainingOptions {
  const { temperature, topK, topP, minP } = stage;
  return {
    ...sharedOptions(stage, setting),
    ...algorithmOptions(stage),
    sampling: { ...setting.task.sampling, temperature, topK, topP, minP },
    resample: stage.resample,
    drafts: stage.drafts,
    promptsPerStep: stage.promptsPerStep,
    group: stage.group,
    updatesPerRollout: stage.updatesPerRollout,
  };
}

/** A stage of PPO as `trainPpo` is told of it. */
export function ppoOptions(stage: Planned<PpoStage>, setting: TrainingSetting): PpoTrainingOptions {
  const { temperature, topK, topP, minP, gamma, lambda } = stage;
  return {
    ...sharedOptions(stage, setting),
    sampling: { ...setting.task.sampling, temperature, topK, topP, minP },
    gae: { gamma, lambda },
    drafts: stage.drafts,
    promptsPerStep: stage.promptsPerStep,
    group: stage.group,
    valueLearningRate: stage.valueLearningRate,
    minibatch: stage.minibatch,
    updateEpochs: stage.updateEpochs,
    critic: stage.critic,
    bootstrapCut: stage.bootstrapCut,
    normalizeAdvantages: stage.normalizeAdvantages,
    klIn: stage.klIn,
    beta: stage.beta,
    klStop: stage.klStop,
    clip: stage.clip,
    valueClip: stage.valueClip,
    valueCoefficient: stage.valueCoefficient,
    entropyBonus: stage.entropyBonus,
  };
}

function sharedOptions(stage: Planned<TrainingStage>, { recipe, model, peakFlops }: TrainingSetting) {
  const { learningRate, warmupSteps, decay, finalShare, steps, microBatchTokens, balanceCoefficient } = stage;
  const { gradientCheckpointing } = recipe.model;
  return {
    schedule: { learningRate, warmupSteps, decay, finalShare, totalSteps: steps },
    microBatchTokens:
      microBatchTokens === "auto" ? automaticMicroBatch(model, { gradientCheckpointing }) : microBatchTokens,
    gradientCheckpointing,
    balanceCoefficient,
    seed: recipe.seed,
    peakFlops,
  };
}
