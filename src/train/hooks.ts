import type { ScoredGroup } from "../records/attempt.ts";
import type { ExpertUse } from "../records/events.ts";
import type { GrpoMemory } from "./grpo-run.ts";

/** What one optimizer step reports. */
export interface StepReport {
  /** From 0. */
  step: number;
  /** Tokens of the step's sequences, a prompt counted with each of its completions (what TRL's num_tokens adds up). */
  tokens: number;
  metrics: Record<string, number>;
  /** One entry per mixture layer; empty for a dense model. In reinforcement over the rows of the rollout. */
  experts: ExpertUse[];
  /** Every attempt of the step, in reinforcement. */
  groups: ScoredGroup[];
  /** What a checkpoint after this step must keep besides weights and moments; see `GrpoMemory`. Left out: nothing. */
  memory?: GrpoMemory;
}

/** Called after each step; `stop` ends training there. Logging, checkpoints and validation are the caller's. */
export type AfterStep = (report: StepReport) => Promise<"go on" | "stop">;
