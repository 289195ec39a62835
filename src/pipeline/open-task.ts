import type { HubOptions } from "../base/hub/snapshot.ts";
import { resolveModel } from "../model/resolve-model.ts";
import { arithmeticModel } from "./arithmetic-model.ts";
import { arithmeticTask } from "./arithmetic-task.ts";
import type { ModelStore } from "./model-store.ts";
import { publishedModel } from "./published-model.ts";
import type { Recipe } from "./recipe.ts";
import type { Task } from "./task.ts";
import { tokenizerOf } from "./text-model.ts";
import { readWordProblems, remarksOnProblems, wordTask } from "./word-task.ts";

/** A recipe's task and model, ready to be trained. */
export interface OpenTask {
  task: Task;
  store: ModelStore;
  /** What to tell the user before anything is trained: rows that are not used, and why. */
  remarks: string[];
}

/**
 * What a recipe trains on, and where its model is kept. What is on the hub is fetched.
 *
 * @param onDownload sees how far a download of the model or the data set is
 * @throws DataError when a data set is missing or cannot be read; CheckpointError when the model is
 */
export async function openTask(recipe: Recipe, onDownload?: HubOptions["onProgress"]): Promise<OpenTask> {
  const { task, model, seed, validation } = recipe;
  if (task.kind !== "words") return { task: arithmeticTask(task), store: arithmeticModel(recipe), remarks: [] };
  // A recipe in words without a model was refused.
  const resolved = await resolveModel(model.from as string, { onProgress: onDownload });
  const tokenizer = tokenizerOf(resolved);
  const hub = { onProgress: onDownload };
  const problems = await readWordProblems(task, { seed, validation: validation.problems, hub });
  return {
    task: wordTask(task, tokenizer, problems),
    store: publishedModel(recipe, resolved, tokenizer),
    remarks: remarksOnProblems(problems),
  };
}
