import { Command } from "commander";
import { addExamples, addRunOptions, type RunFlags, recipeSettings } from "../options.ts";
import { Output } from "../output.ts";
import { readRecipeFile } from "../recipe-file.ts";
import { train } from "../train.ts";

/** `reckon run RECIPE`: a whole recipe, stage after stage. */
export function runCommand(): Command {
  const command = new Command("run")
    .summary("run a recipe: train, measure, report")
    .description(
      "Run a recipe: its stages in order, each measured on the same held-out problems; then the final model and a report.\n" +
        "Ctrl-C saves a checkpoint; --resume goes on from the last one, also after a crash, bit for bit as if never stopped.",
    )
    .argument("<recipe>", "YAML file; see recipes/");
  addRunOptions(command, "the recipe's");
  addExamples(
    command,
    "run recipes/quickstart.yaml",
    "run recipes/quickstart.yaml --seed 1 --name second --set stages.grpo.beta=0",
    "run recipes/quickstart.yaml --resume",
  );
  return command.action(async (file: string, flags: RunFlags) => {
    await train(readRecipeFile(file, recipeSettings(flags)), flags, new Output(flags));
  });
}
