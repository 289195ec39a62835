import type { RlStage, Stage } from "./recipe.ts";

/** Steps at the start of a stage whose attempts are looked at for being cut. */
const firstSteps = 3;
/** Steps without any spread after which nothing is being learned. */
const idleSteps = 10;

/** Looks for the ways in which reinforcement quietly learns nothing; one per stage. */
export class TrainingWatch {
  #cut = 0;
  #idle = 0;

  /**
   * What to warn of after a step; usually nothing.
   *
   * @param step steps of the stage that are done, from 1
   * @param metrics of this step, under TRL's names
   */
  warningsAfter(stage: RlStage, step: number, metrics: Readonly<Record<string, number>>): string[] {
    const warnings: string[] = [];
    if (step <= firstSteps && metrics["completions/clipped_ratio"] > 0.5 && ++this.#cut === firstSteps)
      warnings.push(
        "most attempts are cut off at the length limit and so are wrong; raise task.maxNewTokens, or start from a model " +
          "that has learned to end its answers",
      );
    this.#idle = metrics.frac_reward_zero_std === 1 ? this.#idle + 1 : 0;
    if (this.#idle === idleSteps)
      warnings.push(
        `in ${idleSteps} steps no group had both better and worse attempts, so nothing was learned; start from a better ` +
          `model, pose easier problems, or raise group (now ${stage.group}) or temperature (now ${stage.temperature})`,
      );
    return warnings;
  }
}

/** What is odd about the stage a run begins with: training that goes on from nothing. Null when nothing is. */
export function warningOfStart(first: Stage, from: string | null): string | null {
  if (from !== null || first.kind === "eval" || first.kind === "pretrain") return null;
  const meant = first.kind === "rl" ? "a model that never answers right learns nothing" : "kind: pretrain says so";
  return `begins with random weights, for there is no model.from and no stage before it; ${meant}`;
}
