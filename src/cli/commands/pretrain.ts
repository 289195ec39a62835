import { Command, Option } from "commander";
import { type MathFormerSize, mathFormerSizes } from "../../model/config.ts";
import type { Recipe } from "../../pipeline/recipe.ts";
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
  recipe: string;
  size?: MathFormerSize;
  experts?: number;
  solutions?: number;
  steps?: number;
  learningRate?: number;
}

/** `reckon pretrain`: the supervised stage alone, from fresh weights. */
export function pretrainCommand(): Command {
  const command = new Command("pretrain")
    .summary("train a fresh model on worked solutions")
    .description(
      "Train a fresh model on a fixed set of worked solutions, measure it, write a report: the supervised stage of a recipe " +
        "alone. What no option changes is as in the recipe.",
    )
    .addOption(
      new Option("--recipe <file>", "recipe to take the stage from").default(quickstartFile, shownPath(quickstartFile)),
    )
    .addOption(
      new Option("--size <size>", "width, heads, feed-forward and layers (default: the recipe's)").choices(
        Object.keys(mathFormerSizes),
      ),
    )
    .option(
      "--experts <n>",
      "experts per block, 2 of them active; 0: a plain feed-forward block (default: the recipe's)",
      wholeNumber(0, 4096),
    )
    .option("--solutions <n>", "worked solutions there are (default: the recipe's)", wholeNumber(1, 1e7))
    .option("--steps <n>", "optimizer steps (default: the recipe's)", wholeNumber(1, 1e9))
    .option("--learning-rate <x>", "peak learning rate (default: the recipe's)", number(1e-12, 1));
  addRunOptions(command, "pretrain");
  addExamples(command, "pretrain", "pretrain --name dense --experts 0 --solutions 20000 --steps 2000");
  return command.action(async (flags: Flags) => {
    const { size, experts, solutions, steps, learningRate } = flags;
    const { recipe, stage } = readSingleStage(flags.recipe, ["pretrain", "sft"]);
    const fresh: Recipe = {
      ...recipe,
      name: "pretrain",
      model: shapeOf(recipe.model, size, experts),
      stages: [{ ...stage, kind: "pretrain" }],
    };
    const own = { workedSolutions: solutions, steps, learningRate };
    const paths = Object.entries(own).map(([field, value]) => [`stages[0].${field}`, value]);
    const changed = changeRecipe(fresh, [...settings(Object.fromEntries(paths)), ...recipeSettings(flags)]);
    await train(changed, flags, new Output(flags));
  });
}

/** The recipe's model, or a size in its place; experts asked for here choose how many are active by themselves. */
function shapeOf({ from: _, ...model }: Recipe["model"], size?: MathFormerSize, experts?: number): Recipe["model"] {
  const { width, heads, feedForward, layers, ...sizeless } = model;
  const sized = size ? { ...sizeless, size } : model;
  return experts === undefined ? sized : { ...sized, experts, activeExperts: undefined };
}
