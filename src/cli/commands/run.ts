import { Command } from "commander";
import { planRecipe } from "../../pipeline/dry-run.ts";
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
    .argument("<recipe>", "YAML file; see recipes/")
    .option("--dry-run", "print the stages, what they train and the memory they take, and stop");
  addRunOptions(command, "the recipe's");
  addExamples(
    command,
    "run recipes/quickstart.yaml",
    "run recipes/quickstart.yaml --seed 1 --name second --set stages.grpo.beta=0",
    "run recipes/quickstart.yaml --resume",
  );
  return command.action(async (file: string, flags: RunFlags & { dryRun?: boolean }) => {
    const recipe = readRecipeFile(file, recipeSettings(flags));
    const output = new Output(flags);
    if (!flags.dryRun) return train(recipe, flags, output);
    const plan: string[] = [];
    await planRecipe(recipe, (text) => {
      plan.push(text);
      output.show(text);
    });
    output.finish({ plan });
  });
}
