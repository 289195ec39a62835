import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { RewardError } from "../base/errors.ts";
import type { Reward } from "./reward.ts";
import { importTypeScript } from "./strip-types.ts";

/** Whether a recipe's `use` is a file rather than a name: a path, or something that ends as a script does. */
export const isRewardFile = (use: string): boolean => /^\.{0,2}\/|\.[cm]?[jt]s$/.test(use);

/**
 * A reward that a user wrote: the default export of a `.js`, `.mjs`, `.ts` or `.mts` file, a function as `Reward` says. What
 * the file imports is found from where it stands.
 *
 * @param path absolute
 * @throws RewardError when there is no such file, it cannot be loaded, or does not export a function
 */
export async function loadRewardFile(path: string): Promise<Reward> {
  if (!existsSync(path))
    throw new RewardError(`reward ${path}: there is no such file; paths are relative to the recipe's file`);
  if (/\.m?ts$/.test(path)) importTypeScript();
  let loaded: { default?: unknown };
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (error) {
    const { name = "Error", message = String(error) } = (error ?? {}) as Partial<Error>;
    throw new RewardError(`reward ${path}: it cannot be loaded: ${name}: ${message}`, { cause: error });
  }
  if (typeof loaded.default === "function") return loaded.default as Reward;
  const exported = Object.keys(loaded).join(", ") || "nothing";
  throw new RewardError(
    `reward ${path}: expected a function as its default export, such as export default (attempt) => ({ brevity: 1 }), it exports ${exported}`,
  );
}
