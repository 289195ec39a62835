// Builds the native addon, build/reckon.node, with the C++ compiler of the machine. Runs as npm's `install` script, in a
// checkout and where the package is installed; needs neither Python nor a download (headers: npm's node-api-headers).
//
//   node scripts/build-native.mjs                      the addon
//   node scripts/build-native.mjs --runner FILE        the standalone conformance runner (native/runner-main.cc), static
//     [--cxx aarch64-linux-gnu-g++]                    with another compiler, for another processor
//   node scripts/build-native.mjs --strict             either, with the compiler's warnings as errors
//
// Only what changed is compiled again: an object is kept while its command line and all files it read are the same.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const native = join(root, "native");
const { values: options } = parseArgs({
  options: { runner: { type: "string" }, cxx: { type: "string" }, strict: { type: "boolean" } },
});

/** Instruction sets the kernels are compiled for, weakest first: the linker keeps the first copy of a shared inline function. */
const instructionSets = {
  x64: {
    portable: [],
    avx2: ["-mavx2", "-mfma", "-mf16c"],
    avx512: ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"],
  },
  arm64: { portable: [], neon: [] },
};

/** Matrix-product kernels that need more than their set: compiled when compiler and assembler know its instructions, else left out. */
const extensions = [
  {
    suffix: "_avx512bf16",
    macro: "RECKON_HAVE_AVX512BF16",
    flags: ["-mavx512bf16"],
    sample: "__m512 f(__m512 sum, __m512bh a) { return _mm512_dpbf16_ps(sum, a, a); }",
  },
  {
    suffix: "_amx",
    macro: "RECKON_HAVE_AMX",
    flags: ["-mavx512bf16", "-mamx-tile", "-mamx-bf16"],
    sample: "void f() { _tile_zero(0); _tile_dpbf16ps(0, 1, 2); }",
  },
];

const ask = (command, args, input) => {
  const result = spawnSync(command, args, { encoding: "utf8", input });
  return result.status === 0 ? result.stdout.trim() : null;
};

function findCompiler() {
  const named = options.cxx ?? process.env.CXX;
  for (const candidate of named ? [named] : ["g++", "c++", "clang++"]) {
    const machine = ask(candidate, ["-dumpmachine"]);
    if (machine !== null) return { cxx: candidate, machine, version: ask(candidate, ["--version"]) };
  }
  return { named };
}

/**
 * Says that there is no addon, why, and what to do. An install goes on without it: the package works on the slow reference
 * device. A build that was asked for fails.
 */
function stop(why, mend) {
  console.error(`
reckon: the native engine was NOT built: ${why}.
${mend.map((line) => `  ${line}\n`).join("")}Until then only the reference device works, hundreds of times slower; \`reckon doctor\` shows the state.
`);
  process.exit(process.env.npm_lifecycle_event === "install" ? 0 : 1);
}

const thenBuild = "then build:    npm rebuild reckon   (in a checkout: npm run build)";
const anotherCompiler = [
  "Report the errors above, or try another compiler:",
  "CXX=clang++ npm rebuild reckon   (in a checkout: CXX=clang++ npm run build)",
];

function stopWithoutCompiler(named) {
  const mend =
    process.platform === "darwin"
      ? "xcode-select --install"
      : "apt-get install g++   (Debian, Ubuntu; elsewhere the package is gcc-c++ or clang)";
  const why = named ? `the compiler ${named} does not run` : "no C++ compiler found (looked for g++, c++, clang++)";
  stop(why, [`Install one:   ${mend}`, thenBuild]);
}

/** Headers of Node-API, from the npm package. */
function headers() {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve("node-api-headers/package.json")), "include");
}

const sourcesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".cc"))
        .sort()
        .map((name) => join(folder, name))
    : [];

/** Everything to compile, in link order: { source, object, args }. */
function plan({ cxx, machine }, objects) {
  const arch = /^(x86_64|amd64)/.test(machine) ? "x64" : /^(aarch64|arm64)/.test(machine) ? "arm64" : null;
  if (arch === null) {
    stop(`it is written for x86-64 and arm64, and ${cxx} compiles for ${machine}`, [
      "Take a compiler for this processor, if it is one of them, and",
      thenBuild,
    ]);
  }
  mkdirSync(objects, { recursive: true });
  const knows = ({ flags, sample }) => {
    const object = join(objects, `known.${process.pid}.o`);
    const source = `#include <immintrin.h>\n${sample}\n`;
    const known = ask(cxx, [...flags, "-c", "-x", "c++", "-", "-o", object], source) !== null;
    rmSync(object, { force: true });
    return known;
  };
  const known = arch === "x64" ? extensions.filter(knows) : [];
  // -ffp-contract=off: a fused multiply-add rounds once where a product and a sum round twice, so it is written where it is meant.
  const common = [
    "-std=c++17",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
  ];
  common.push(`-I${native}`);
  common.push(...known.map((extension) => `-D${extension.macro}`));
  // GCC 12 takes the deliberately undefined registers of its own intrinsics for mistakes.
  if (options.strict)
    common.push("-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-Wno-maybe-uninitialized", "-Wno-unknown-warning-option");
  if (!options.runner) common.push("-DNAPI_VERSION=8", `-I${headers()}`);

  const units = [];
  const add = (set, source, flags) =>
    units.push({ source, object: join(objects, set, `${basename(source, ".cc")}.o`), args: [...common, ...flags] });
  const main = options.runner ? "runner-main.cc" : "addon.cc";
  const kernelSources = [
    join(native, "table.cc"),
    ...sourcesIn(join(native, "ops")),
    ...sourcesIn(join(native, "gemm")),
  ];
  for (const source of sourcesIn(native)) {
    const name = basename(source);
    const otherMain = (name === "addon.cc" || name.endsWith("-main.cc")) && name !== main;
    if (!otherMain && !kernelSources.includes(source)) add("host", source, []);
  }
  for (const [set, flags] of Object.entries(instructionSets[arch])) {
    const named = [`-DRECKON_ISA=${set}`, `-DRECKON_ISA_${set.toUpperCase()}=1`, ...flags];
    for (const source of kernelSources) {
      const extension = extensions.find((one) => basename(source, ".cc").endsWith(one.suffix));
      if (!extension) add(set, source, named);
      else if (set === "avx512" && known.includes(extension)) add(set, source, [...named, ...extension.flags]);
    }
  }
  return units;
}

/** Files an object was made from, as the compiler wrote them down (a make rule). */
const readFiles = (dependencies) =>
  readFileSync(dependencies, "utf8")
    .replace(/\\\n/g, " ")
    .split(": ")
    .slice(1)
    .join(": ")
    .split(/(?<!\\)\s+/)
    .filter((name) => name !== "")
    .map((name) => name.replace(/\\ /g, " "));

function upToDate(unit, command) {
  const { object } = unit;
  if (!existsSync(object) || !existsSync(`${object}.command`) || !existsSync(`${object}.d`)) return false;
  if (readFileSync(`${object}.command`, "utf8") !== command) return false;
  const made = statSync(object).mtimeMs;
  return readFiles(`${object}.d`).every((name) => existsSync(name) && statSync(name).mtimeMs <= made);
}

/** Runs a compiler; its output appears whole, also when several run at once. */
function compile(cxx, args) {
  return new Promise((finish) => {
    const child = spawn(cxx, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => finish({ ok: false, output: error.message }));
    child.on("close", (status) => finish({ ok: status === 0, output }));
  });
}

/** Compiles a unit if it must be. An object is written aside and renamed, so that an interrupted build leaves no torn one. */
async function build({ cxx, version }, unit) {
  const command = [version, ...unit.args, unit.source].join("\n");
  if (upToDate(unit, command)) return { ok: true, fresh: false };
  mkdirSync(dirname(unit.object), { recursive: true });
  const aside = `${unit.object}.${process.pid}`;
  const started = Date.now();
  const result = await compile(cxx, [...unit.args, "-MMD", "-MF", `${aside}.d`, "-c", unit.source, "-o", aside]);
  if (result.output !== "") process.stderr.write(result.output);
  if (!result.ok) {
    rmSync(aside, { force: true });
    rmSync(`${aside}.d`, { force: true });
    return { ok: false };
  }
  // Dated from when the sources were read: one that is edited while it is being compiled is newer than its object.
  utimesSync(aside, started / 1000, started / 1000);
  writeFileSync(`${unit.object}.command`, command);
  renameSync(`${aside}.d`, `${unit.object}.d`);
  renameSync(aside, unit.object);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.error(`reckon: ${basename(dirname(unit.object))}/${relative(native, unit.source)} ${seconds} s`);
  return { ok: true, fresh: true };
}

async function buildAll(compiler, units) {
  // The largest first: one of them must not be left over when the other processors are done.
  const queue = units.toSorted((a, b) => statSync(b.source).size - statSync(a.source).size);
  let fresh = 0;
  let failed = 0;
  const work = async () => {
    for (let unit = queue.shift(); unit !== undefined && failed === 0; unit = queue.shift()) {
      const result = await build(compiler, unit);
      if (!result.ok) failed++;
      else if (result.fresh) fresh++;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failed > 0) {
    stop(`${compiler.cxx} reported the errors above`, anotherCompiler);
  }
  return fresh;
}

async function link(cxx, machine, units, out) {
  const aside = `${out}.${process.pid}`;
  const objects = units.map((unit) => unit.object);
  const shared = machine.includes("apple") ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];
  const kind = options.runner ? ["-static"] : shared;
  const result = await compile(cxx, [...kind, "-pthread", ...objects, "-o", aside]);
  if (!result.ok) {
    process.stderr.write(result.output);
    rmSync(aside, { force: true });
    stop(`${cxx} did not link it`, anotherCompiler);
  }
  renameSync(aside, out);
}

const out = options.runner ? resolve(options.runner) : join(root, "build", "reckon.node");
// `npx reckon` in a checkout has npm link the checkout into its cache, which runs this again: what is built stays.
if (process.env.npm_command === "exec" && process.env.npm_lifecycle_event === "install" && existsSync(out))
  process.exit(0);

const started = Date.now();
const compiler = findCompiler();
if (!compiler.cxx) stopWithoutCompiler(compiler.named);
const { cxx, machine } = compiler;
const objects = join(root, "build", options.runner ? `objects-runner-${machine}` : "objects");
const units = plan(compiler, objects);
mkdirSync(dirname(out), { recursive: true });
const fresh = await buildAll(compiler, units);
// The list of objects matters too: a source that is gone must leave the addon.
const list = units.map((unit) => unit.object).join("\n");
const listFile = join(objects, `${basename(out)}.list`);
const listed = existsSync(listFile) ? readFileSync(listFile, "utf8") : "";
if (fresh > 0 || !existsSync(out) || listed !== list) {
  await link(cxx, machine, units, out);
  writeFileSync(listFile, list);
  console.error(
    `reckon: ${relative(root, out)} built with ${cxx} for ${machine} in ${((Date.now() - started) / 1000).toFixed(1)} s`,
  );
}
