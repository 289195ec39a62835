import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "../base/config.ts";
import { ConfigError } from "../base/errors.ts";
import { parseHubReference } from "../base/hub/reference.ts";
import type { HubProgress } from "../base/hub/snapshot.ts";
import { describeSetAside } from "../data/read-problems.ts";
import type { Policy } from "../model/policy.ts";
import { arithmeticInWords } from "../pipeline/arithmetic-in-words.ts";
import { arithmeticTask } from "../pipeline/arithmetic-task.ts";
import { isArithmeticModel, isLanguageModel, modelDirectory } from "../pipeline/model-directory.ts";
import { openModel } from "../pipeline/open-model.ts";
import { type Recipe, recipeSchema } from "../pipeline/recipe.ts";
import type { WordSettings } from "../pipeline/recipe-task.ts";
import { remarksOnGold } from "../pipeline/remarks-on-gold.ts";
import type { Task } from "../pipeline/task.ts";
import {
  readMeasuredProblems,
  readWordProblems,
  remarksOnProblems,
  type WordProblems,
  wordTask,
} from "../pipeline/word-task.ts";
import { readRecipe, runExists } from "../runs/run-reader.ts";
import { DownloadLine } from "./download-line.ts";
import { UsageError } from "./failure.ts";
import {
  arithmeticData,
  type MeasuringFlags,
  measuringWith,
  type TaskFlags,
  taskName,
  taskRecipe,
} from "./measured-task.ts";
import { openNamedModel } from "./open-text-model.ts";
import { deviceOptions } from "./options.ts";
import type { Output } from "./output.ts";
import { readRecipeFile } from "./recipe-file.ts";
import type { TextModelFlags } from "./text-flags.ts";

/** The model and the problems that `reckon eval` and `reckon probe` name. */
export interface MeasuredFlags extends Omit<TextModelFlags, "weights">, TaskFlags, MeasuringFlags {
  weights?: TextModelFlags["weights"];
  recipe?: string;
  set?: string[];
  /** Training problems are wanted, too. */
  training?: boolean;
}

/** A model beside the task it is measured on. */
export interface MeasuredModel {
  policy: Policy;
  task: Task;
  /** What the recipe says of evaluation, and flags over it. */
  evaluation: Recipe["evaluation"];
  /** What the problems are, for people. */
  taskName: string;
  /** Directory, file or hub id. */
  model: string;
  /** Gives memory and threads back. */
  close(): void;
}

/**
 * Opens a model with the task of a recipe, or else its own: that in the config.json of an arithmetic model, or in the recipe
 * of the run that trained a language model.
 *
 * @throws UsageError when there is no task, or flags are given that the model has no use for; ConfigError when model and task
 * are of different kinds; CheckpointError, DataError and DeviceError as opening them does
 */
export async function openMeasuredModel(flags: MeasuredFlags, output: Output): Promise<MeasuredModel> {
  const named = taskRecipe(flags, flags.set);
  const recipe = flags.recipe === undefined ? named : readRecipeFile(flags.recipe, flags.set);
  if (flags.set && recipe === null) throw new UsageError("--set changes a recipe: give --recipe or --task, too");
  const { model } = flags;
  const words = recipe?.task.kind === "words" || isLanguageModel(model) || isOnHubAlone(model);
  return words && !isArithmeticModel(model) ? openWords(flags, recipe, output) : openArithmetic(flags, recipe);
}

/** What holds where no recipe says how problems are measured. */
const defaultEvaluation = () => recipeSchema.shape.evaluation.parse(undefined);

/** Whether a name can be a hub's and is nothing here. */
const isOnHubAlone = (reference: string): boolean =>
  !existsSync(reference) && parseHubReference(reference, "model") !== null;

function openArithmetic(flags: MeasuredFlags, recipe: Recipe | null): MeasuredModel {
  for (const name of ["adapter", "weights", "context"] as const)
    if (flags[name] !== undefined)
      throw new UsageError(`--${name} is for language models; ${flags.model} was made for arithmetic alone`);
  if (recipe?.task.kind === "words")
    throw new ConfigError(`${flags.recipe}: expected a task of arithmetic for ${flags.model}, got problems in words`);
  const evaluation = measuringWith(recipe?.evaluation ?? defaultEvaluation(), flags);
  if (evaluation.fewShot > 0)
    throw new UsageError(`--few-shot is for language models; ${flags.model} has seen no examples in a prompt`);
  const dir = modelDirectory(flags.model);
  const { policy, task, close } = openModel(dir, deviceOptions(flags));
  return {
    policy,
    task: recipe === null ? task : arithmeticTask(recipe.task),
    evaluation,
    taskName: "arithmetic",
    model: dir,
    close,
  };
}

async function openWords(flags: MeasuredFlags, given: Recipe | null, output: Output): Promise<MeasuredModel> {
  const own = runExists(flags.model)
    ? parseConfig(readRecipe(flags.model), recipeSchema, join(flags.model, "recipe.yaml"))
    : null;
  const recipe = given ?? own;
  if (recipe === null)
    throw new UsageError(
      isOnHubAlone(flags.model)
        ? `${flags.model}: no such directory here, and a model of the hub has no problems of its own; check --model, or give --task or --recipe FILE`
        : `${flags.model}: a language model has no problems of its own: give --task, or --recipe FILE, whose task it is measured on`,
    );
  const { task: settings } = recipe;
  const evaluation = measuringWith(recipe.evaluation, flags);
  if (settings.kind !== "words")
    throw new ConfigError(
      `${flags.recipe}: expected problems in words for ${flags.model}, a language model, got a task of arithmetic`,
    );
  const problems = await readAskedProblems(flags, recipe, evaluation);
  const remarks = flags.task === undefined ? remarksOnProblems(problems) : remarksOnMeasured(problems);
  for (const remark of [...remarks, ...remarksOnGold(settings, problems)]) output.say(output.remarkStyle.dim(remark));
  // A run's own model is measured as the run held it.
  const { weights = own?.model.weights ?? "stored", context = own?.model.context } = flags;
  const { policy, tokenizer, close } = await openNamedModel({ ...flags, weights, context }, output);
  try {
    const task = wordTask(settings, tokenizer, problems, evaluation);
    return { policy, task, evaluation, taskName: taskName(recipe), model: flags.model, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The problems of a task in words: all of a recipe's, of a task that flags name what is measured. */
async function readAskedProblems(
  flags: MeasuredFlags,
  { task, seed, validation }: Recipe,
  { fewShot, problems: count = 1000, seed: drawn }: Recipe["evaluation"],
): Promise<WordProblems> {
  const settings = task as WordSettings;
  if (settings.data === arithmeticData)
    return arithmeticInWords({ count, seed: drawn, training: fewShot > 0 || flags.training === true });
  const download = new DownloadLine();
  const hub = { onProgress: (at: HubProgress) => download.advance(at) };
  const reading =
    flags.task === undefined || flags.training
      ? readWordProblems(settings, { seed, validation: validation.problems, hub })
      : readMeasuredProblems(settings, { fewShot, hub });
  return reading.finally(() => download.clear());
}

/** Rows of a data set that is only measured on which hold no problem. */
const remarksOnMeasured = ({ setAside }: WordProblems): string[] =>
  setAside.length === 0
    ? []
    : [`${setAside.length} rows hold no problem that can be used\n${describeSetAside(setAside)}`];
