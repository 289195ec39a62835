import { Worker } from "node:worker_threads";
import type { EvaluationProgress } from "../pipeline/measure-stage.ts";
import type { RunResult } from "../pipeline/run-recipe.ts";
import type { RunEvent } from "../records/events.ts";
import { restoreFailure } from "./failure.ts";
import type { TrainingMessage, TrainingOrder } from "./worker-messages.ts";

/** A run under way in its own thread. */
export interface TrainingThread {
  /** How the run ended; rejects with the error it threw there, of the same class. */
  result: Promise<RunResult>;
  /** Asks it to save a checkpoint after the current step and stop. */
  requestStop(): void;
}

/** Starts a run in a thread of its own; the callbacks see its events in order. */
export function startTraining(
  order: Omit<TrainingOrder, "stopFlag">,
  callbacks: { onEvent(event: RunEvent): void; onEvaluation(at: EvaluationProgress): void },
): TrainingThread {
  const stopFlag = new SharedArrayBuffer(4);
  const workerData: TrainingOrder = { ...order, stopFlag };
  // Compiled beside this file: the command line always runs from dist.
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData });
  const result = new Promise<RunResult>((resolve, reject) => {
    worker.on("message", (message: TrainingMessage) => {
      if (message.kind === "event") callbacks.onEvent(message.event);
      else if (message.kind === "evaluation") callbacks.onEvaluation(message.at);
      else if (message.kind === "result") resolve(message.result);
      else reject(restoreFailure(message.failure));
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the training thread ended without a result (code ${code})`)));
  });
  return { result, requestStop: () => Atomics.store(new Int32Array(stopFlag), 0, 1) };
}
