// Compiles src/ to dist/. Runs as npm's `prepare`: in a checkout after `npm ci`, and before `npm pack`.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const cli = join(dist, "cli", "main.js");

// `npx reckon` in a checkout has npm link the checkout into its cache, which runs this again: what is built stays.
if (process.env.npm_command === "exec" && process.env.npm_lifecycle_event === "prepare" && existsSync(cli))
  process.exit(0);

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const result = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (result.status !== 0) process.exit(result.status ?? 1);

// What a source that is gone was compiled to must not be packed.
for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  const source = /^(.*?)(\.d\.ts|\.js)$/.exec(name);
  if (source && !existsSync(join(root, "src", `${source[1]}.ts`))) rmSync(join(dist, name));
}

if (existsSync(cli)) chmodSync(cli, 0o755);
