import type { Prompt } from "../records/problem.ts";
import type { ModelPlan } from "../train/counted-policy.ts";
import { withinContext } from "./fit-context.ts";
import { isReinforcement, type Recipe, type Stage, type TrainingStage } from "./recipe.ts";
import type { Task } from "./task.ts";

/** A training stage whose steps are known, and whatever else its recipe leaves to the kind of task and of model. */
export type Planned<S extends TrainingStage> = S extends TrainingStage
  ? S & { steps: number; balanceCoefficient: number } & Required<Pick<S, Extract<keyof S, "lengthProbe">>>
  : never;

/** A stage ready to run. */
export type PlannedStage = Planned<TrainingStage> | Extract<Stage, { kind: "eval" }>;

/** What a recipe comes to with its task and its model. */
export interface Plan {
  stages: PlannedStage[];
  /** The task without what is too long for the model. */
  task: Task;
  /** What is left out, in words. */
  remarks: string[];
}

/**
 * The stages of a recipe with epochs turned into steps: as many as it takes to go through all there is that often, rounded
 * up. Draws every problem that training and measuring will need, so that too few of them, or some that are too long for
 * the model, show before anything is started.
 *
 * @throws DataError when the task admits too few problems, or a test problem does not fit the model's context
 */
export function planStages(
  recipe: Recipe,
  whole: Task,
  { config, lora, frozenRouters }: Pick<ModelPlan, "config" | "lora" | "frozenRouters">,
): Plan {
  const { seed, evaluation, validation } = recipe;
  const remarks: string[] = [];
  const task = withinContext(whole, config, (text) => void remarks.push(text));
  // A frozen router has no balance to learn.
  const balance = frozenRouters || (lora && !lora.router) ? 0 : 0.01;
  const probed = recipe.task.kind === "words" ? 16 : 0;
  const stages = recipe.stages.map((stage): PlannedStage => {
    if (stage.kind === "eval") return stage;
    const { balanceCoefficient = balance } = stage;
    if (isReinforcement(stage)) {
      const { length } = task.prompts("reinforcement", stage.problems, seed);
      const { lengthProbe = probed } = stage;
      return { ...stage, balanceCoefficient, lengthProbe, steps: stepsOf(stage, length, stage.promptsPerStep) };
    }
    const { length } = task.demonstrations(stage.workedSolutions, seed);
    return { ...stage, balanceCoefficient, steps: stepsOf(stage, length, stage.batchSize) };
  });
  measuredPrompts(recipe, task);
  if (validation.problems > 0) task.prompts("validation", validation.problems, evaluation.seed);
  return { stages, task, remarks };
}

/** The test problems each stage is measured on: as many as the recipe says, else up to 1000. @throws DataError as `Task` */
export const measuredPrompts = ({ evaluation }: Pick<Recipe, "evaluation">, task: Task): Prompt[] =>
  task.prompts("test", evaluation.problems ?? { atMost: 1000 }, evaluation.seed);

const stepsOf = ({ steps, epochs }: { steps?: number; epochs?: number }, items: number, perStep: number): number =>
  steps ?? Math.ceil(((epochs ?? 1) * items) / perStep);
