import { groupAdvantages } from "../advantage/group.ts";
import { grpoLoss } from "../loss/grpo.ts";
import type { ModelPlan } from "../train/counted-policy.ts";
import type { GrpoTrainingOptions } from "../train/grpo-options.ts";
import { automaticMicroBatch } from "../train/micro-batches.ts";
import type { SupervisedOptions } from "../train/supervised.ts";
import type { Recipe, RlStage, SupervisedStage } from "./recipe.ts";
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
  const { clipLow, clipHigh, beta, entropyBonus, aggregation, temperature, topK, topP, minP } = stage;
  return {
    ...sharedOptions(stage, setting),
    loss: (batch, whole) => grpoLoss(batch, { clipLow, clipHigh, beta, entropyBonus, aggregation }, whole),
    advantages: (rewards_PG) => groupAdvantages(rewards_PG, { scale: stage.scale }),
    sampling: { ...setting.task.sampling, temperature, topK, topP, minP },
    resample: stage.resample,
    promptsPerStep: stage.promptsPerStep,
    group: stage.group,
    updatesPerRollout: stage.updatesPerRollout,
    rewardWeights: Object.fromEntries(Object.entries(stage.rewards).filter(([, weight]) => weight !== 0)),
  };
}

function sharedOptions(
  stage: Planned<SupervisedStage> | Planned<RlStage>,
  { recipe, model, peakFlops }: TrainingSetting,
) {
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
