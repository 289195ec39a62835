import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { ASIDE_PREFIX } from "../base/atomic-file.ts";
import { DataError } from "../base/errors.ts";
import type { AttemptRecord, RunEvent } from "../records/events.ts";
import { readLog } from "./append-log.ts";
import { byStage, listCheckpoints, type SavedCheckpoint } from "./checkpoints.ts";
import { type LockOwner, lockOwner } from "./lock.ts";
import { liesAfter, liveEvents, type ResumePoint } from "./replay.ts";

/** What a run directory says about itself (`run.json`); written last when a run is created, never changed. */
export interface RunManifest {
  /** Version of the storage schema. */
  store: 1;
  name: string;
  /** Version of reckon that created the run. */
  version: string;
  seed: number;
  /** ISO 8601. */
  created: string;
  /** sha256 of the weights the run started from, or the hub's commit; null or absent: fresh ones. */
  startModel?: string | null;
  /** The hub's commit that the model was fetched at, and is fetched at again; null or absent: it was not fetched. */
  startCommit?: string | null;
  /** sha256 of the problems; null or absent: they are generated. */
  data?: string | null;
}

/** A run as it stands on disk. */
export interface RunSnapshot {
  dir: string;
  manifest: RunManifest;
  /** The resolved recipe, defaults filled in. */
  recipe: unknown;
  /** Events that still hold, see `liveEvents`. */
  events: RunEvent[];
  /** Training attempts that still hold, read from disk when iterated. */
  attempts(): Iterable<AttemptRecord>;
  /** Evaluation samples that still hold, read from disk when iterated. */
  samples(): Iterable<AttemptRecord>;
  checkpoints: SavedCheckpoint[];
  /** The furthest checkpoint of each stage. */
  lastCheckpoints: Map<string, SavedCheckpoint>;
  /** The exported model's directory, once there is one. */
  final: string | null;
  finished: boolean;
  /** The live process using the run, if any. */
  owner: LockOwner | null;
}

/** A line of attempts.jsonl or samples.jsonl that is not a record. */
export type LogMarker = ({ type: "resume" } & ResumePoint) | { type: "samples"; stage: string; step: number };

/** Whether a directory holds a run, that is, whether its creation was completed. */
export function runExists(dir: string): boolean {
  return existsSync(join(dir, "run.json"));
}

/**
 * Reads a run; safe while another process writes it.
 *
 * @throws DataError when the directory holds no run or its files cannot be understood
 */
export function readRun(dir: string): RunSnapshot {
  const manifest = readManifest(dir);
  const events = readEvents(dir);
  const checkpoints = listCheckpoints(dir);
  const final = join(dir, "final");
  return {
    dir,
    manifest,
    recipe: readRecipe(dir),
    events,
    attempts: () => readAttempts(dir),
    samples: () => readSamples(dir),
    checkpoints,
    lastCheckpoints: new Map([...byStage(checkpoints)].map(([stage, group]) => [stage, group.at(-1)!])),
    final: existsSync(final) ? final : null,
    finished: events.some((event) => event.type === "run-end"),
    owner: lockOwner(dir),
  };
}

/**
 * The runs directly under `root`, oldest first; directories that hold no run are passed over.
 *
 * @throws DataError when a run.json cannot be understood
 */
export function listRuns(root: string): { dir: string; manifest: RunManifest }[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => !name.startsWith(ASIDE_PREFIX))
    .map((name) => join(root, name))
    .filter(runExists)
    .map((dir) => ({ dir, manifest: readManifest(dir) }))
    .sort((a, b) => (a.manifest.created < b.manifest.created ? -1 : a.manifest.created > b.manifest.created ? 1 : 0));
}

/**
 * Events that still hold, see `liveEvents`. Metrics that are not finite come back as NaN or ±Infinity.
 *
 * @throws DataError naming file and line when a whole line is not JSON
 */
export function readEvents(dir: string): RunEvent[] {
  return liveEvents(decoded(readLog<RunEvent>(join(dir, "events.jsonl"))));
}

/**
 * Seconds that processes have spent on a run so far, those between them left out; also what was lost and done again.
 * Every process but the first begins with a `resume` event.
 */
export function secondsSpent(dir: string): number {
  let total = 0;
  let began: number | null = null;
  let latest = 0;
  for (const { type, time } of readLog<RunEvent>(join(dir, "events.jsonl"))) {
    if (type === "resume") {
      if (began !== null) total += latest - began;
      began = time;
    }
    began ??= time;
    latest = time;
  }
  return (total + (began === null ? 0 : latest - began)) / 1000;
}

/** Training attempts that still hold: those a later resume marker supersedes are passed over. */
export function readAttempts(dir: string): Generator<AttemptRecord> {
  return liveRecords(join(dir, "attempts.jsonl"));
}

/** Evaluation samples that still hold; an evaluation replaces an earlier one of the same stage and step. */
export function readSamples(dir: string): Generator<AttemptRecord> {
  return liveRecords(join(dir, "samples.jsonl"));
}

/** @throws DataError when there is no run or a later reckon wrote it */
export function readManifest(dir: string): RunManifest {
  const path = join(dir, "run.json");
  if (!existsSync(path)) {
    throw new DataError(
      `${dir}: expected a run directory, found no run.json; check the path, or list runs with: ls runs`,
    );
  }
  const manifest = parseFile(path, JSON.parse) as Partial<RunManifest> | null;
  if (manifest?.store !== 1 || typeof manifest.name !== "string" || typeof manifest.created !== "string") {
    throw new DataError(
      `${path}: expected storage schema 1, got ${JSON.stringify(manifest?.store)}; read it with the reckon that wrote it (${manifest?.version ?? "unknown version"})`,
    );
  }
  return manifest as RunManifest;
}

/** The resolved recipe of a run. @throws DataError when recipe.yaml is missing or not YAML */
export function readRecipe(dir: string): unknown {
  return parseFile(join(dir, "recipe.yaml"), parse);
}

/** The checkpoint written last, or null: what a run falls back to. */
export function newestCheckpoint(dir: string): string | null {
  const paths = new Set(listCheckpoints(dir).map((one) => one.path));
  const events = paths.size === 0 ? [] : readEvents(dir);
  const last = events.findLast((event) => event.type === "checkpoint" && paths.has(join(dir, event.path)));
  return last?.type === "checkpoint" ? join(dir, last.path) : ([...paths].at(-1) ?? null);
}

function parseFile(path: string, parser: (text: string) => unknown): unknown {
  try {
    return parser(readFileSync(path, "utf8"));
  } catch (error) {
    throw new DataError(
      `${path}: cannot be read (${(error as Error).message}); restore it or remove ${basename(path)}'s run`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Two passes, so that a log of any length needs memory for its markers alone: the first finds them, the second yields
 * the records no later marker supersedes.
 */
function* liveRecords(path: string): Generator<AttemptRecord> {
  const resumes: { line: number; point: ResumePoint }[] = [];
  const replaced = new Map<string, number>();
  let line = 0;
  for (const entry of readLog<AttemptRecord | LogMarker>(path)) {
    if ("type" in entry) {
      if (entry.type === "resume") resumes.push({ line, point: entry });
      else replaced.set(`${entry.stage}-${entry.step}`, line);
    }
    line++;
  }
  line = 0;
  for (const entry of readLog<AttemptRecord | LogMarker>(path)) {
    const isReplaced = (replaced.get(`${entry.stage}-${entry.step}`) ?? -1) > line;
    while (resumes.length > 0 && resumes[0].line <= line) resumes.shift();
    line++;
    if ("type" in entry || isReplaced) continue;
    if (!resumes.some(({ point }) => liesAfter(entry.stage, entry.step, point))) yield entry;
  }
}

/** JSON has no NaN or Infinity; the writer stores them as text. */
function* decoded(log: Iterable<RunEvent>): Generator<RunEvent> {
  for (const event of log) {
    if (event.type === "metrics") {
      for (const name of Object.keys(event.values)) event.values[name] = Number(event.values[name]);
    }
    yield event;
  }
}
