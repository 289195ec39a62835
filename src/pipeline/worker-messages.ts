import type { Failure } from "../base/failure.ts";
import type { HubProgress } from "../base/hub/snapshot.ts";
import type { RunEvent } from "../records/events.ts";
import type { EvaluationProgress } from "./measure-stage.ts";
import type { Recipe } from "./recipe.ts";
import type { RunOptions, RunResult } from "./run-recipe.ts";

/** What the training thread is started with. */
export interface TrainingOrder {
  recipe: Recipe;
  options: Pick<RunOptions, "root" | "resume" | "overwrite">;
  /** One i32, shared: 1 asks the run to stop after the current step. Messages would not arrive while kernels run. */
  stopFlag: SharedArrayBuffer;
}

/** What the training thread says. */
export type TrainingMessage =
  | { kind: "event"; event: RunEvent }
  | { kind: "download"; progress: HubProgress }
  | { kind: "evaluation"; at: EvaluationProgress }
  | { kind: "result"; result: RunResult }
  | { kind: "failure"; failure: Failure };
