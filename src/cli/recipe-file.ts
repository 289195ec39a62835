import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../base/errors.ts";
import { parseRecipe } from "../pipeline/parse-recipe.ts";
import type { Recipe } from "../pipeline/recipe.ts";
import { locateRewardFiles } from "../pipeline/recipe-rewards.ts";

const bundledDir = fileURLToPath(new URL("../../recipes/", import.meta.url));

/** The recipe of the README, which `pretrain` and `rl` take their defaults from. */
export const quickstartFile = join(bundledDir, "quickstart.yaml");

/** A path as people type it: from the working directory. */
export const shownPath = (path: string): string => relative(process.cwd(), path);

/**
 * Reads a recipe, applies `path=value` settings and fills in defaults. Files of rewards are found from where the recipe is.
 *
 * @throws ConfigError listing every problem, or, when there is no such file, the recipes that come with reckon
 */
export function readRecipeFile(file: string, settings: readonly string[] = []): Recipe {
  const recipe = parseRecipe(readText(file), file, settings);
  return { ...recipe, stages: locateRewardFiles(recipe.stages, file) };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const bundled = existsSync(bundledDir) ? readdirSync(bundledDir).filter((name) => name.endsWith(".yaml")) : [];
    const paths = bundled.map((name) => shownPath(join(bundledDir, name)));
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a directory" : code;
    throw new ConfigError(
      `${file}: expected a recipe, but ${why}; recipes that come with reckon: ${paths.join(", ")}`,
      { cause: error },
    );
  }
}
