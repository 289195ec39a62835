import { existsSync } from "node:fs";
import { TrainingError } from "../base/errors.ts";
import type { StepReport } from "../train/hooks.ts";
import type { TrainingStage } from "./recipe.ts";

/** The checkpoints of a run, as far as they matter when training diverges. */
export class SavedCheckpoints {
  /** The newest. */
  latest: string | null;
  /** The newest with whose weights a finite loss was computed: one written after the update that ruined them is not. */
  good: string | null = null;

  /** @param latest the one whose weights the stage begins with, if there is one */
  constructor(latest: string | null) {
    this.latest = latest;
  }

  add(path: string): void {
    this.latest = path;
  }

  /** Takes note of a step, whose forward passes ran with the weights of before it, so with the newest's or later ones. */
  followedBy({ metrics }: StepReport): void {
    // In reinforcement a step without live groups has no loss; its entropies then show what the weights are worth.
    if (Number.isFinite(metrics.loss) && Number.isFinite(metrics.entropy)) this.good = this.latest;
  }
}

/** A `TrainingError` that also says at which step, which checkpoint to go back to and what to try. */
export function explainDivergence(
  error: TrainingError,
  stage: TrainingStage,
  step: number,
  { latest, good }: SavedCheckpoints,
): TrainingError {
  const kept = good !== null && existsSync(good) ? good : null;
  const doubtful =
    latest !== null && latest !== kept ? `no finite loss followed ${latest}: delete it before resuming; ` : "";
  const named = kept
    ? `a finite loss followed it, so the last good checkpoint is ${kept}`
    : "no checkpoint is known to be good";
  return new TrainingError(
    `stage ${stage.name}, step ${step}: ${error.message}; ${doubtful}${named}. Try a lower learningRate ` +
      `(now ${stage.learningRate}), more warmupSteps (${stage.warmupSteps}) or a smaller maxGradNorm (${stage.maxGradNorm})`,
    { cause: error },
  );
}
