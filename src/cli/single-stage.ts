import { stringify } from "yaml";
import { ConfigError } from "../base/errors.ts";
import { parseRecipe } from "../pipeline/parse-recipe.ts";
import type { Recipe, Stage } from "../pipeline/recipe.ts";
import { readRecipeFile } from "./recipe-file.ts";

/**
 * A recipe file cut down to one stage, the first of the kinds wanted; what it says beside its stages stays.
 *
 * @throws ConfigError when the file is no recipe, is not of arithmetic, or has no such stage
 */
export function readSingleStage<K extends Stage["kind"]>(
  file: string,
  kinds: readonly K[],
): { recipe: Recipe; stage: Extract<Stage, { kind: K }> } {
  const recipe = readRecipeFile(file);
  if (recipe.task.kind === "words")
    throw new ConfigError(
      `${file}: expected a task of arithmetic, got problems in words; run it with reckon run ${file}`,
    );
  const stage = recipe.stages.find((one): one is Extract<Stage, { kind: K }> =>
    kinds.some((kind) => kind === one.kind),
  );
  if (stage) return { recipe: { ...recipe, stages: [stage] }, stage };
  const there = recipe.stages.map(({ name, kind }) => `${name} (${kind})`).join(", ");
  throw new ConfigError(`${file}: expected a stage of kind ${kinds.join(" or ")}, found ${there}`);
}

/**
 * A recipe with `path=value` changes, checked again.
 *
 * @throws ConfigError listing every change that does not fit
 */
export function changeRecipe(recipe: Recipe, settings: readonly string[]): Recipe {
  return parseRecipe(stringify(recipe), "command line", settings);
}
