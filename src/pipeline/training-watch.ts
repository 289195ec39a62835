import type { ExpertUse } from "../records/events.ts";
import type { LengthProbe } from "../train/length-probe.ts";
import { isReinforcement, type PpoStage, type RlStage, type Stage, type TrainingStage } from "./recipe.ts";
import {
  entropyCollapse,
  entropyExplosion,
  expertTakesMost,
  expertTakesNone,
  graderFailures,
  klRunaway,
  mostAttemptsCut,
  noSpread,
  rewardWithoutCorrectness,
  type Symptom,
} from "./symptoms.ts";

/**
 * Looks for the ways in which training quietly goes wrong, in the metrics of each step, and says each once; one per stage.
 */
export class TrainingWatch {
  #symptoms: readonly Symptom[];

  /** @param router experts each token uses, where routers are trained; null: they are frozen, or there are none */
  constructor(stage: TrainingStage, router: { activeExperts: number } | null) {
    this.#symptoms = [
      ...(router ? [expertTakesMost(router), expertTakesNone()] : []),
      ...(isReinforcement(stage) ? reinforcementSymptoms(stage) : []),
    ];
  }

  /**
   * What to warn of after a step; usually nothing.
   *
   * @param step steps of the stage that are done, from 1
   * @param metrics of this step, under TRL's names
   */
  warningsAfter(step: number, metrics: Readonly<Record<string, number>>, experts: readonly ExpertUse[] = []): string[] {
    const warnings: string[] = [];
    this.#symptoms = this.#symptoms.filter((symptom) => {
      const text = symptom({ step, metrics, experts });
      if (text !== null) warnings.push(text);
      return text === null;
    });
    return warnings;
  }
}

function reinforcementSymptoms(stage: RlStage | PpoStage): Symptom[] {
  return [
    mostAttemptsCut(),
    // One attempt at a problem has nothing to differ from.
    ...(stage.group > 1 ? [noSpread(stage)] : []),
    entropyCollapse(),
    entropyExplosion(),
    klRunaway(stage),
    rewardWithoutCorrectness(),
    graderFailures({ attempts: stage.promptsPerStep * stage.group }),
  ];
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
  const meant = isReinforcement(first) ? "a model that never answers right learns nothing" : "kind: pretrain says so";
  return `begins with random weights, for there is no model.from and no stage before it; ${meant}`;
}
