import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/**
 * The rooms of src/, lowest rank first. A file imports from its own room and from lower ranks; rooms of one rank do not
 * see each other, except those of `plainRooms`.
 */
const ranks = [
  ["base"],
  ["records"],
  ["data", "prompt", "reward", "advantage", "report", "runs", "engine"],
  ["model", "loss", "update"],
  ["rollout"],
  ["eval"],
  ["train"],
  ["pipeline"],
  ["sweep"],
  ["server"],
  ["cli"],
];

/** Rooms that work on plain arrays and text: they may import each other, and never the engine. */
const plainRooms = new Set(["data", "prompt", "reward", "advantage", "report", "runs"]);

/** The one file that may name devices. */
const registry = "engine/registry.ts";

const rankOf = new Map(ranks.flatMap((rooms, rank) => rooms.map((room) => [room, rank] as const)));

/** Text of source files by path relative to src/, with `/`. */
export type Sources = ReadonlyMap<string, string>;

/** Every TypeScript file under a directory that is not a test. */
export function readSources(root: string): Sources {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .sort();
  return new Map(names.map((name) => [name, readFileSync(join(root, name), "utf8")]));
}

/** What a file imports, as written: static and dynamic imports, re-exports, and modules named by `new URL` (workers). */
export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const forms = [
    /\b(?:import|export)\b[^"'`;()=]*\bfrom\s*"([^"]+)"/g,
    /\bimport\s*"([^"]+)"/g,
    /\bimport\(\s*"([^"]+)"/g,
    /\bnew URL\(\s*"([^"]+\.[jt]s)"/g,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)].map(([, specifier]) => specifier));
}

/**
 * Relative imports of each file, as paths within src/; what leaves src/ is kept with its leading `..`. A worker is named as
 * it is compiled, with `.js`.
 */
function importGraph(sources: Sources): Map<string, string[]> {
  return new Map(
    [...sources].map(([file, text]) => {
      const relative = importsOf(text).filter((specifier) => specifier.startsWith("."));
      return [file, relative.map((specifier) => posix.join(posix.dirname(file), specifier.replace(/\.js$/, ".ts")))];
    }),
  );
}

/** Everything the imports of these files do against the ranks of docs/reading-order.md, one sentence each. */
export function findViolations(sources: Sources): string[] {
  const graph = importGraph(sources);
  const problems: string[] = [];
  for (const [file, imports] of graph) {
    if (file.includes("/") && !rankOf.has(roomOf(file)))
      problems.push(`${file}: ${roomOf(file)} is no room; add its rank`);
    for (const target of imports) {
      const problem = sources.has(target) ? judge(file, target) : "there is no such source file";
      if (problem !== null) problems.push(`${file} imports ${target}: ${problem}`);
    }
  }
  return [...problems, ...findCycles(graph).map((cycle) => `cycle: ${cycle.join(" -> ")}`)];
}

/** Packages (not Node's own modules) that source files import, each with one file that does. */
export function packagesUsed(sources: Sources): Map<string, string> {
  const used = new Map<string, string>();
  for (const [file, text] of sources) {
    for (const specifier of importsOf(text)) {
      if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
      used.set(
        specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/"),
        file,
      );
    }
  }
  return used;
}

/** `engine` of `engine/ops/linear.ts`; files directly in src/ are a room of their own, above all others. */
const roomOf = (file: string) => (file.includes("/") ? file.slice(0, file.indexOf("/")) : "");

const deviceOf = (file: string) => /^engine\/devices\/([^/]+)\//.exec(file)?.[1] ?? null;

function judge(file: string, target: string): string | null {
  const device = deviceOf(target);
  if (device !== null && device !== deviceOf(file) && file !== registry) return `only ${registry} names devices`;
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from === to) return null;
  if (to === "") return "files directly in src/ are for users of the library";
  if (plainRooms.has(from) && to === "engine") return `${from} never sees the engine`;
  if (plainRooms.has(from) && plainRooms.has(to)) return null;
  const [rank, other] = [rankOf.get(from) ?? ranks.length, rankOf.get(to) ?? ranks.length];
  if (from === "" && to === "cli") return "the library does not need the command line";
  return other < rank ? null : `${from} (rank ${rank}) may import lower ranks only, ${to} has ${other}`;
}

/** One cycle for each file at which a depth-first walk comes back to a file it is still in. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const done = new Set<string>();
  const path: string[] = [];
  const cycles: string[][] = [];
  const visit = (file: string) => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}
