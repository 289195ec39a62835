import type { z } from "zod";
import { parseConfig, parseYamlConfig } from "../base/config.ts";
import { type Recipe, recipeSchema } from "./recipe.ts";

/** A recipe as a user writes it: every field with a default may be left out. */
export type RecipeInput = z.input<typeof recipeSchema>;

/**
 * Reads a recipe from YAML and fills in every default.
 *
 * @param fileName for error messages
 * @param settings `path=value` overrides, as `--set` takes them: `seed=1`, `stages.rl.steps=10`
 * @throws ConfigError listing every problem with its path, line and the nearest known key
 */
export function parseRecipe(text: string, fileName = "recipe", settings: readonly string[] = []): Recipe {
  return parseYamlConfig(text, fileName, recipeSchema, settings);
}

/** `parseRecipe` for a recipe written in TypeScript. */
export function defineRecipe(recipe: RecipeInput): Recipe {
  return parseConfig(recipe, recipeSchema, "recipe");
}
