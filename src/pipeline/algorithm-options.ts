import { batchAdvantages } from "../advantage/batch-baseline.ts";
import { clampAdvantages } from "../advantage/clamp.ts";
import { groupAdvantages } from "../advantage/group.ts";
import { leaveOneOutAdvantages } from "../advantage/leave-one-out.ts";
import { cispoLoss } from "../loss/cispo.ts";
import { grpoLoss } from "../loss/grpo.ts";
import { gspoLoss } from "../loss/gspo.ts";
import { reinforceLoss } from "../loss/reinforce.ts";
import { rlooLoss } from "../loss/rloo.ts";
import type { Loss } from "../loss/token-batch.ts";
import type { GrpoTrainingOptions } from "../train/grpo-options.ts";
import type { RlStage } from "./recipe.ts";
import { algorithmDefaults } from "./recipe-algorithm.ts";

/** The part of `trainGrpo`'s options that a stage's algorithm decides. */
export function algorithmOptions(
  stage: RlStage,
): Pick<
  GrpoTrainingOptions,
  "loss" | "advantages" | "kl" | "maskTruncated" | "topEntropyQuantile" | "importance" | "curriculum"
> {
  const { algorithm, beta, klTarget, advantageClamp, importanceCap } = stage;
  const { klIn, klEstimator } = { ...algorithmDefaults[algorithm], ...stage };
  const advantages = advantagesOf(stage);
  return {
    loss: lossOf(stage, { beta: klIn === "loss" ? beta : 0, klEstimator, entropyBonus: stage.entropyBonus }),
    advantages:
      advantageClamp === undefined
        ? advantages
        : (rewards_PG) => clampAdvantages(advantages(rewards_PG), advantageClamp),
    // A weight in the loss that does not change is the loss's own.
    kl:
      beta > 0 && (klIn === "reward" || klTarget !== undefined)
        ? { coefficient: beta, in: klIn, estimator: klEstimator, target: klTarget }
        : null,
    maskTruncated: stage.maskTruncated,
    topEntropyQuantile: stage.topEntropyQuantile,
    importance:
      importanceCap === undefined ? null : { cap: importanceCap, level: algorithm === "rloo" ? "sequence" : "token" },
    curriculum: stage.curriculum,
  };
}

function lossOf(stage: RlStage, held: { beta: number; klEstimator: "k1" | "k2" | "k3"; entropyBonus: number }): Loss {
  switch (stage.algorithm) {
    case "grpo": {
      const { clipLow, clipHigh, delta, aggregation } = { ...algorithmDefaults.grpo, ...stage };
      return (batch, whole) => grpoLoss(batch, { ...held, clipLow, clipHigh, delta, aggregation }, whole);
    }
    case "gspo": {
      const { clipLow, clipHigh, delta, aggregation } = { ...algorithmDefaults.gspo, ...stage };
      return (batch, whole) => gspoLoss(batch, { ...held, clipLow, clipHigh, delta, aggregation }, whole);
    }
    case "cispo": {
      const { clipHigh, aggregation } = { ...algorithmDefaults.cispo, ...stage };
      return (batch, whole) => cispoLoss(batch, { ...held, clipHigh, aggregation }, whole);
    }
    case "rloo": {
      const { clipLow, clipHigh, delta } = { ...algorithmDefaults.rloo, ...stage };
      return (batch, whole) => rlooLoss(batch, { ...held, clipLow, clipHigh, delta }, whole);
    }
    case "reinforce": {
      const { aggregation } = { ...algorithmDefaults.reinforce, ...stage };
      return (batch, whole) => reinforceLoss(batch, { ...held, aggregation }, whole);
    }
  }
}

function advantagesOf(stage: RlStage): NonNullable<GrpoTrainingOptions["advantages"]> {
  const { algorithm } = stage;
  const { scale } = { ...algorithmDefaults[algorithm], ...stage };
  if (algorithm !== "rloo" && algorithm !== "reinforce") return (rewards_PG) => groupAdvantages(rewards_PG, { scale });
  const whole = scale === "none" ? "none" : "batch";
  const against = algorithm === "rloo" ? leaveOneOutAdvantages : batchAdvantages;
  return (rewards_PG) => against(rewards_PG, { scale: whole });
}
