import type { Recipe, RlStage, Stage, SupervisedStage } from "./recipe.ts";
import type { Task } from "./task.ts";

/** A training stage whose steps are known. */
export type Planned<S extends SupervisedStage | RlStage> = S & { steps: number };

/** A stage ready to run. */
export type PlannedStage =
  | Planned<SupervisedStage>
  | Planned<RlStage>
  | Exclude<Stage, { kind: "pretrain" | "sft" | "rl" }>;

/**
 * The stages of a recipe with epochs turned into steps: as many as it takes to go through all there is that often, rounded
 * up. Draws every problem that training and measuring will need, so that too few show before anything is started.
 *
 * @throws DataError when the task admits too few problems
 */
export function planStages(recipe: Recipe, task: Task): PlannedStage[] {
  const { seed, evaluation, validation } = recipe;
  const stages = recipe.stages.map((stage): PlannedStage => {
    if (stage.kind === "eval") return stage;
    if (stage.kind === "rl") {
      const { length } = task.prompts("reinforcement", stage.problems, seed);
      return { ...stage, steps: stepsOf(stage, length, stage.promptsPerStep) };
    }
    const { length } = task.demonstrations(stage.workedSolutions, seed);
    return { ...stage, steps: stepsOf(stage, length, stage.batchSize) };
  });
  task.prompts("test", evaluation.problems, evaluation.seed);
  if (validation.problems > 0) task.prompts("validation", validation.problems, evaluation.seed);
  return stages;
}

const stepsOf = ({ steps, epochs }: { steps?: number; epochs?: number }, items: number, perStep: number): number =>
  steps ?? Math.ceil(((epochs ?? 1) * items) / perStep);
