import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parseConfig } from "../base/config.ts";
import { ConfigError } from "../base/errors.ts";
import { pathText } from "../base/settings.ts";
import { type Recipe, recipeSchema } from "../pipeline/recipe.ts";
import { readRecipe } from "../runs/run-reader.ts";

/**
 * The recipe a stored run goes on with: its own. Threads alone may change, since results do not depend on them.
 *
 * @throws ConfigError naming every field in which the given recipe differs from the run's
 */
export function recipeToResume(dir: string, given: Recipe): Recipe {
  const stored = parseConfig(readRecipe(dir), recipeSchema, join(dir, "recipe.yaml"));
  const resumed = { ...stored, device: { ...stored.device, threads: given.device.threads } };
  const found = differences(resumed, given, []);
  if (found.length === 0) return resumed;
  throw new ConfigError(
    `${dir}: a run goes on with the recipe it was started with, and this one differs\n${found.map((line) => `  ${line}`).join("\n")}\n` +
      `resume with the same recipe and settings (stored in ${join(dir, "recipe.yaml")}), or start a new run under another name`,
  );
}

/** Every field in which two resolved recipes differ, as `path: OLD in the run, NEW here`. */
export function differences(stored: unknown, given: unknown, path: (string | number)[]): string[] {
  if (isDeepStrictEqual(stored, given)) return [];
  if (isSection(stored) && isSection(given)) {
    const keys = [...new Set([...Object.keys(stored), ...Object.keys(given)])];
    return keys.flatMap((key) => differences(stored[key], given[key], [...path, key]));
  }
  if (Array.isArray(stored) && Array.isArray(given) && stored.length === given.length)
    return stored.flatMap((item, i) => differences(item, given[i], [...path, i]));
  return [`${pathText(path)}: ${shown(stored)} in the run, ${shown(given)} here`];
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
