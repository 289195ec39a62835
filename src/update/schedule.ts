/** The course of the learning rate over a stage. */
export interface ScheduleOptions {
  /** Highest learning rate, reached after warm-up. */
  learningRate: number;
  /** Optimizer steps of the stage (rollouts, in reinforcement). */
  totalSteps: number;
  /** Steps of linear rise from 0; default 0. */
  warmupSteps?: number;
  /** Default linear. */
  decay?: "cosine" | "linear" | "constant";
  /** The end of the decay, as a share of learningRate, in [0, 1]; default 0.1. */
  finalShare?: number;
}

/**
 * Learning rate of a step: linear warm-up, (step + 1)/warmupSteps of the peak, then cosine or linear decay to
 * finalShare of the peak at the last step, or constant.
 *
 * @param step from 0
 */
export function learningRateAt(step: number, options: ScheduleOptions): number {
  const { learningRate, totalSteps, warmupSteps = 0, decay = "linear", finalShare = 0.1 } = options;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  if (decay === "constant") return learningRate;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - 1 - warmupSteps));
  const remaining = decay === "cosine" ? (1 + Math.cos(Math.PI * progress)) / 2 : 1 - progress;
  return learningRate * (finalShare + (1 - finalShare) * remaining);
}
