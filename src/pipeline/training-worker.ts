/** The thread that trains: kernels block it, so whatever else there is to do is done on another. */
import { parentPort, workerData } from "node:worker_threads";
import { describeFailure } from "../base/failure.ts";
import { runRecipe } from "./run-recipe.ts";
import type { TrainingMessage, TrainingOrder } from "./worker-messages.ts";

const { recipe, options, stopFlag } = workerData as TrainingOrder;
const stop = new Int32Array(stopFlag);
const say = (message: TrainingMessage) => parentPort?.postMessage(message);

try {
  const result = await runRecipe(recipe, {
    ...options,
    onEvent: (event) => say({ kind: "event", event }),
    onDownload: (progress) => say({ kind: "download", progress }),
    onEvaluation: (at) => say({ kind: "evaluation", at }),
    stopRequested: () => Atomics.load(stop, 0) === 1,
  });
  say({ kind: "result", result });
} catch (error) {
  say({ kind: "failure", failure: describeFailure(error) });
}
