import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { parseConfig } from "../../base/config.ts";
import { readModelManifest } from "../../model/checkpoint.ts";
import { isLanguageModel, modelDirectory } from "../../pipeline/model-directory.ts";
import { type Recipe, recipeSchema } from "../../pipeline/recipe.ts";
import { UsageError } from "../failure.ts";
import {
  addExamples,
  addRunOptions,
  number,
  type RunFlags,
  recipeSettings,
  settings,
  wholeNumber,
} from "../options.ts";
import { Output } from "../output.ts";
import { quickstartFile, shownPath } from "../recipe-file.ts";
import { changeRecipe, readSingleStage } from "../single-stage.ts";
import { train } from "../train.ts";

interface Flags extends RunFlags {
  model?: string;
  recipe?: string;
  problems?: number;
  steps?: number;
  learningRate?: number;
  beta?: number;
}

/** `reckon rl`: reinforcement alone, of a model that is there. */
export function rlCommand(): Command {
  const command = new Command("rl")
    .summary("improve a model by GRPO on correctness")
    .description(
      "Improve a model by GRPO on problems of which only the answer is known, measure it, write a report: the rl stage of a " +
        "recipe alone. Problems are those of the model's own task, unless --recipe names others. What no option changes is " +
        "as in the recipe.",
    )
    .option("--model <dir>", "directory of a model or of a finished run (default: pretrain in --out)")
    .option(
      "--recipe <file>",
      `recipe to take stage and task from (default: the stage of ${shownPath(quickstartFile)})`,
    )
    .option("--problems <n>", "problems there are (default: the recipe's)", wholeNumber(1, 1e7))
    .option("--steps <n>", "rollouts (default: the recipe's)", wholeNumber(1, 1e9))
    .option("--learning-rate <x>", "peak learning rate (default: the recipe's)", number(1e-12, 1))
    .option("--beta <x>", "weight of KL to the model as it was (default: the recipe's)", number(0, 10));
  addRunOptions(command, "rl");
  addExamples(command, "rl", "rl --model runs/dense --name dense-rl --steps 400 --beta 0");
  return command.action(async (flags: Flags) => {
    const { problems, steps, learningRate, beta } = flags;
    const named = flags.model ?? defaultModel(flags.out);
    if (isLanguageModel(named))
      throw new UsageError(
        `${named}: rl takes models made for arithmetic; for this one write a recipe with model.from and an rl stage, as recipes/smollm2-svamp.yaml`,
      );
    const from = modelDirectory(named);
    const manifest = readModelManifest(from);
    const { recipe } = readSingleStage(flags.recipe ?? quickstartFile, ["rl"]);
    const task = flags.recipe
      ? recipe.task
      : parseConfig(manifest.task ?? {}, recipeSchema.shape.task, `task of ${join(from, "config.json")}`);
    const based: Recipe = { ...recipe, name: "rl", task, model: { ...recipeSchema.shape.model.parse({}), from } };
    const own = { problems, steps, learningRate, beta };
    const paths = Object.entries(own).map(([field, value]) => [`stages[0].${field}`, value]);
    const changed = changeRecipe(based, [...settings(Object.fromEntries(paths)), ...recipeSettings(flags)]);
    await train(changed, flags, new Output(flags));
  });
}

function defaultModel(out: string): string {
  const dir = join(out, "pretrain", "final");
  if (existsSync(dir)) return dir;
  throw new UsageError(`rl starts from a model: give --model DIR, or make ${dir} with reckon pretrain`);
}
