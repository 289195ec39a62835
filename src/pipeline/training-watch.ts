import type { LengthProbe } from "../train/length-probe.ts";
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

/** What a look at a model's completions before reinforcement warns of; null when nothing. */
export function warningOfProbe(
  { attempts, cutShare, meanEndedLength }: LengthProbe,
  maxNewTokens: number,
): string | null {
  if (cutShare <= 0.5) return null;
  const ended = meanEndedLength > 0 ? `those that ended took ${Math.round(meanEndedLength)} on average` : "none ended";
  return (
    `${Math.round(cutShare * attempts)} of ${attempts} attempts before the first step are cut off at ${maxNewTokens} tokens, ` +
    `${ended}: an attempt that is cut has no answer, and teaches only noise; raise task.maxNewTokens, or supervise the ` +
    "model first so that it ends its answers"
  );
}

/**
 * What to say of trained modules that no gradient reached in the steps that were looked at; null when there are none.
 *
 * @param options looks: how many steps these were; resumed: whether there were steps before, which nobody looked at here;
 *   adapter: whether the modules are an adapter's, which could have left them out
 */
export function warningOfSilence(
  silent: readonly string[],
  { looks, resumed, adapter }: { looks: number; resumed: boolean; adapter: boolean },
): string | null {
  if (silent.length === 0 || looks === 0) return null;
  const named = silent.slice(0, 8).join("; ");
  const more = silent.length > 8 ? `; and ${silent.length - 8} more` : "";
  return (
    `${silent.length} trained modules had no gradient in the ${looks} steps that were looked at` +
    `${resumed ? " since the run was resumed" : ""}: ${named}${more}; experts that no token was routed to have none` +
    (adapter ? "; leave out of targetModules what the loss does not depend on" : "")
  );
}

/** What is odd about the stage a run begins with: training that goes on from nothing. Null when nothing is. */
export function warningOfStart(first: Stage, from: string | null): string | null {
  if (from !== null || first.kind === "eval" || first.kind === "pretrain") return null;
  const meant = first.kind === "rl" ? "a model that never answers right learns nothing" : "kind: pretrain says so";
  return `begins with random weights, for there is no model.from and no stage before it; ${meant}`;
}
