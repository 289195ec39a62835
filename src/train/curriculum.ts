import type { ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { EasiestFirst } from "./easiest-first.ts";
import { EpochOrder } from "./epoch-order.ts";
import { type SolveRateMemory, SolveRateOrder } from "./solve-rate-order.ts";

/** `none`: shuffled, epoch after epoch; `easiest`: as `EasiestFirst`; `solve-rate`: as `SolveRateOrder`. */
export type Curriculum = "none" | "easiest" | "solve-rate";

/** Prompts in the order in which steps see them. */
export interface PromptOrder {
  /** Prompts of an epoch. */
  readonly length: number;
  /**
   * The prompts of a step, or of a round of further ones.
   *
   * @param wanted how many of the `count` will be used, the first ones; default all
   */
  at(step: number, count: number, wanted?: number): Prompt[];
}

/** The orders in which a run's prompts come: those of the steps, and those drawn where groups had no spread. */
export interface StepPrompts {
  order: PromptOrder;
  further: PromptOrder;
}

/** The prompts of a run, and what their order has learned. */
export interface OpenCurriculum extends StepPrompts {
  /** Takes note of a step; returns what to log of it. */
  learn(groups: readonly ScoredGroup[]): Record<string, number>;
  /** What a checkpoint must keep; undefined where the step alone decides. */
  memory(): SolveRateMemory | undefined;
}

/** What an order depends on of a loop's options. */
interface CurriculumOptions {
  curriculum: Curriculum;
  seed: number;
  promptsPerStep: number;
  schedule: { totalSteps: number };
}

/**
 * The prompts of a run in the order that `curriculum` says.
 *
 * @param remembered what a checkpoint kept of `memory`
 * @throws DataError without prompts; CheckpointError when what is remembered is of other prompts
 */
export function openCurriculum(
  prompts: readonly Prompt[],
  { curriculum, seed, promptsPerStep, schedule }: CurriculumOptions,
  remembered?: SolveRateMemory,
): OpenCurriculum {
  const seeds = [seed, 3];
  if (curriculum === "solve-rate") {
    const order = new SolveRateOrder(prompts, seeds, remembered ?? null);
    return {
      order,
      further: order,
      learn: (groups) => {
        const { passedOver } = order;
        order.learn(groups);
        return { "curriculum/passed_over": passedOver };
      },
      memory: () => order.memory,
    };
  }
  return {
    order:
      curriculum === "easiest"
        ? new EasiestFirst(prompts, seeds, schedule.totalSteps * promptsPerStep)
        : new EpochOrder(prompts, seeds),
    further: new EpochOrder(prompts, [seed, 4]),
    learn: () => ({}),
    memory: () => undefined,
  };
}
