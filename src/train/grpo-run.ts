import type { Policy } from "../model/policy.ts";
import type { AdamW } from "../update/adamw.ts";
import type { SolveRateMemory } from "./solve-rate-order.ts";

/**
 * What GRPO carries from step to step besides weights and moments, as plain JSON: a checkpoint that keeps it can be gone on
 * from as if there had been no stop.
 */
export interface GrpoMemory {
  /** The weight of KL in the next step, where it follows a target. */
  klCoefficient?: number;
  /** Of a curriculum by solve rate. */
  solveRates?: SolveRateMemory;
}

/** What GRPO trains: the policy, the frozen start KL is measured against (null: none), its optimizer, where to begin. */
export interface GrpoRun {
  policy: Policy;
  reference: Policy | null;
  optimizer: AdamW;
  /** 0 unless resumed. */
  firstStep: number;
  /** What the step before `firstStep` reported as its memory; left out at the beginning. */
  memory?: GrpoMemory;
  /** Called before each update, when the gradient is whole. */
  beforeUpdate?: (step: number) => Promise<void>;
}
