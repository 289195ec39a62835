// Compiles src/ to dist/. Runs as npm's `prepare`: in a checkout after `npm ci`, and before `npm pack`.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const result = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (result.status !== 0) process.exit(result.status ?? 1);

// What a source that is gone was compiled to must not be packed.
for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  const source = /^(.*?)(\.d\.ts|\.js)$/.exec(name);
  if (source && !existsSync(join(root, "src", `${source[1]}.ts`))) rmSync(join(dist, name));
}

// npm links a package's commands where it is installed, not in its own checkout; without the link `npx reckon` there
// would fetch and install a copy of the checkout first.
const cli = join(dist, "cli", "main.js");
const link = join(root, "node_modules", ".bin", "reckon");
if (existsSync(cli)) {
  chmodSync(cli, 0o755);
  if (process.platform !== "win32") {
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(join("..", "..", "dist", "cli", "main.js"), link);
  }
}
