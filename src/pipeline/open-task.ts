import type { HubOptions } from "../base/hub/snapshot.ts";
import { resolveModel } from "../model/resolve-model.ts";
import { arithmeticModel } from "./arithmetic-model.ts";
import { arithmeticTask } from "./arithmetic-task.ts";
import { dataIdentity } from "./data-identity.ts";
import type { ModelStore } from "./model-store.ts";
import { publishedModel } from "./published-model.ts";
import type { Recipe } from "./recipe.ts";
import { remarksOnSource } from "./remarks.ts";
import { remarksOnGold } from "./remarks-on-gold.ts";
import type { Task } from "./task.ts";
import { tokenizerOf } from "./text-model.ts";
import { readWordProblems, remarksOnProblems, wordTask } from "./word-task.ts";

/** A recipe's task and model, ready to be trained. */
export interface OpenTask {
  task: Task;
  store: ModelStore;
  /** The hub's commit that the model was fetched at; null: it was not fetched. */
  commit: string | null;
  /** What names the problems, see `dataIdentity`; null: they are generated. */
  data: string | null;
  /** What to tell the user before anything is trained: rows that are not used, and why. */
  remarks: string[];
}

/**
 * What a recipe trains on, and where its model is kept. What is on the hub is fetched.
 *
 * @param options commit: of the model on the hub, in place of what its revision stands for now; onDownload: sees how far a
 * download of the model or the data set is
 * @throws DataError when a data set is missing or cannot be read; CheckpointError when the model is
 */
export async function openTask(
  recipe: Recipe,
  { commit = null, onDownload }: { commit?: string | null; onDownload?: HubOptions["onProgress"] } = {},
): Promise<OpenTask> {
  const { task, model, seed, validation, evaluation } = recipe;
  if (task.kind !== "words")
    return { task: arithmeticTask(task), store: arithmeticModel(recipe), commit: null, data: null, remarks: [] };
  // A recipe in words without a model was refused.
  const from = model.from as string;
  const reference = commit === null ? from : `${from.replace(/@.*$/s, "")}@${commit}`;
  const hub = { onProgress: onDownload };
  const resolved = await resolveModel(reference, hub);
  const tokenizer = tokenizerOf(resolved);
  const problems = await readWordProblems(task, { seed, validation: validation.problems, hub });
  const store = publishedModel(recipe, resolved, tokenizer);
  return {
    task: wordTask(task, tokenizer, problems, evaluation),
    store,
    commit: resolved.commit,
    data: dataIdentity([problems.train, problems.validation, problems.test]),
    remarks: [
      ...remarksOnSource(reference, resolved),
      ...store.notes(),
      ...remarksOnProblems(problems),
      ...remarksOnGold(task, problems),
    ],
  };
}
