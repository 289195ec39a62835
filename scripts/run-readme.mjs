// Checks the README's library program against an installed reckon: extracts its ```ts blocks, which make one program,
// compiles them strictly against the package's own types, and runs them.
//
//   node scripts/run-readme.mjs PROJECT     PROJECT/node_modules/reckon is the package; files are written to PROJECT/readme
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const project = resolve(process.argv[2] ?? ".");
const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");

const markdown = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
if (blocks.length === 0) throw new Error("README.md: expected ```ts blocks, found none");

const dir = join(project, "readme");
rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });
writeFileSync(join(dir, "program.mts"), blocks.join("\n"));
writeFileSync(
  join(dir, "tsconfig.json"),
  JSON.stringify({
    compilerOptions: {
      target: "ES2023",
      lib: ["ES2023"],
      module: "NodeNext",
      strict: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules", "@types")],
      outDir: "out",
    },
    include: ["program.mts"],
  }),
);

function run(...args) {
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: dir,
    stdio: "inherit",
    env: { ...process.env, TMPDIR: dir },
  });
  if (status === 0) return;
  console.error(`README program: ${args[0] === tsc ? "does not compile" : `ended with ${signal ?? `code ${status}`}`}`);
  process.exit(1);
}
run(tsc, "-p", "tsconfig.json");
run(join("out", "program.mjs"));
console.log(`README program: ${blocks.length} blocks compiled and ran`);
