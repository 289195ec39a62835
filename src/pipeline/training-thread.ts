import { Worker } from "node:worker_threads";
import { restoreFailure } from "../base/failure.ts";
import type { Recipe } from "./recipe.ts";
import type { RunOptions, RunResult } from "./run-recipe.ts";
import type { TrainingMessage, TrainingOrder } from "./worker-messages.ts";

/** A run under way in its own thread. */
export interface TrainingThread {
  /** How the run ended; rejects with the error it threw there, of the same class. */
  result: Promise<RunResult>;
  /** Asks it to save a checkpoint after the current step and stop. */
  requestStop(): void;
}

/**
 * `runRecipe` in a thread of its own, so that this one stays free while kernels run: for servers and for whoever draws
 * progress. Callbacks see events in order, each as it arrives. Rewards come from the recipe: functions do not cross threads.
 */
export function startTraining(
  recipe: Recipe,
  options: Omit<RunOptions, "stopRequested" | "rewards"> = {},
): TrainingThread {
  const { onEvent = () => {}, onDownload = () => {}, onEvaluation = () => {}, ...rest } = options;
  const stopFlag = new SharedArrayBuffer(4);
  const workerData: TrainingOrder = { recipe, options: rest, stopFlag };
  // Compiled beside this file: threads run from dist.
  const worker = new Worker(new URL("./training-worker.js", import.meta.url), { workerData });
  const result = new Promise<RunResult>((resolve, reject) => {
    worker.on("message", (message: TrainingMessage) => {
      if (message.kind === "event") onEvent(message.event);
      else if (message.kind === "download") onDownload(message.progress);
      else if (message.kind === "evaluation") onEvaluation(message.at);
      else if (message.kind === "result") resolve(message.result);
      else reject(restoreFailure(message.failure));
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the training thread ended without a result (code ${code})`)));
  });
  return { result, requestStop: () => Atomics.store(new Int32Array(stopFlag), 0, 1) };
}
