// Lets threads that tests start, and programs that they run, import the TypeScript of src/ as it stands: vitest compiles
// for the main thread alone. Node 22.18 and later needs no help.
import { createRequire, register } from "node:module";
import { pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";

const require = createRequire(import.meta.url);
// The compiler that vitest itself uses; vite is much slower to load.
const esbuild = pathToFileURL(createRequire(require.resolve("vite/package.json")).resolve("esbuild")).href;

const hooks = `
  import { readFile } from "node:fs/promises";
  import { fileURLToPath } from "node:url";
  export async function load(url, context, next) {
    if (!url.startsWith("file:") || !url.endsWith(".ts")) return next(url, context);
    const { default: { transform } } = await import(${JSON.stringify(esbuild)});
    const { code } = await transform(await readFile(fileURLToPath(url), "utf8"), { loader: "ts", target: "es2023" });
    return { format: "module", source: code, shortCircuit: true };
  }`;

if (!process.features.typescript && (!isMainThread || process.env.VITEST === undefined))
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
