/** Hooks by which Node imports TypeScript: they run in a thread of their own. */
import { readFile } from "node:fs/promises";
import type { LoadHook } from "node:module";
import { fileURLToPath } from "node:url";
import { stripTypes } from "./strip-types.ts";

/** Strips the types of files that end in `.ts` or `.mts`; everything else is loaded as usual. */
export const load: LoadHook = async (url, context, next) => {
  if (!/^file:.*\.m?ts$/.test(url)) return next(url, context);
  const path = fileURLToPath(url);
  return { format: "module", source: await stripTypes(await readFile(path, "utf8"), path), shortCircuit: true };
};
