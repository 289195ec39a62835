import { existsSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import {
  ASIDE_PREFIX,
  asidePath,
  discard,
  explainWriteFailure,
  syncPath,
  writeFileAtomic,
} from "../base/atomic-file.ts";
import { makeDirectories } from "../base/directories.ts";
import { ConfigError } from "../base/errors.ts";
import { removeLeftovers } from "./checkpoints.ts";
import { acquireLock, assertFree, describeProcess, liveness } from "./lock.ts";
import { newestCheckpoint, type RunManifest, readEvents, readManifest, runExists } from "./run-reader.ts";
import { RunWriter } from "./run-writer.ts";

/**
 * Creates `root/name` and claims it for this process.
 *
 * @param options.recipe the resolved recipe, defaults filled in; stored as recipe.yaml
 * @param options.version version of reckon
 * @param options.startModel, options.startCommit, options.data what it starts from, as in `RunManifest`
 * @param options.overwrite deletes a run that is already there; never a directory that is not a run
 * @throws ConfigError when the directory holds a run, or something else, or is in use by a live process
 */
export function createRun(options: {
  root: string;
  name: string;
  recipe: unknown;
  version: string;
  seed: number;
  startModel?: string | null;
  startCommit?: string | null;
  data?: string | null;
  overwrite?: boolean;
  now?: () => number;
}): RunWriter {
  const { root, name, recipe, version, seed, now = Date.now } = options;
  const { startModel = null, startCommit = null, data = null } = options;
  checkRunName(name);
  const dir = join(root, name);
  if (runExists(dir)) {
    assertFree(dir);
    if (!options.overwrite) throw existingRun(dir);
  } else if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new ConfigError(`${dir}: expected a new or empty directory, found other files; choose another --out or name`);
  }
  const aside = asidePath(dir);
  try {
    makeDirectories(aside);
    removeAbandoned(root, name);
    writeFileAtomic(join(aside, "recipe.yaml"), stringify(recipe));
    const created = new Date(now()).toISOString();
    const manifest: RunManifest = { store: 1, name, version, seed, created, startModel, startCommit, data };
    writeFileAtomic(join(aside, "run.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    if (runExists(dir)) moveAway(dir, now);
    else if (existsSync(dir)) rmdirSync(dir);
    renameSync(aside, dir);
    syncPath(root);
  } catch (error) {
    discard(aside);
    throw explainCreation(error, dir);
  }
  return openRun(dir, now);
}

/**
 * Claims an existing run to go on with it: removes what a killed writer left aside and cuts torn last lines off.
 *
 * @throws DataError when there is no run; ConfigError when a live process uses it
 */
export function openRun(dir: string, now: () => number = Date.now): RunWriter {
  readManifest(dir);
  const lock = acquireLock(dir, now);
  try {
    removeLeftovers(dir);
    return new RunWriter(dir, lock, now);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function existingRun(dir: string): ConfigError {
  const finished = readEvents(dir).some((event) => event.type === "run-end");
  const newest = newestCheckpoint(dir);
  const state = finished
    ? "a finished run"
    : `an unfinished run (${newest ? `last checkpoint ${newest}` : "no checkpoint yet"})`;
  return new ConfigError(
    `${dir}: expected a new directory, found ${state}; use --resume to go on with it, another --out or name, or --overwrite to delete it`,
  );
}

/** Deletes a run that nobody uses: renamed out of sight first, so that a kill leaves no half-deleted run. */
function moveAway(dir: string, now: () => number): void {
  const replaced = asidePath(dir);
  const lock = acquireLock(dir, now);
  renameSync(dir, replaced);
  lock.release();
  rmSync(replaced, { recursive: true, force: true });
}

/** Removes what a process killed inside `createRun` left beside the run. */
function removeAbandoned(root: string, name: string): void {
  for (const entry of readdirSync(root)) {
    if (!entry.startsWith(`${ASIDE_PREFIX}${name}-`)) continue;
    const pid = /-(\d+)-[0-9a-f]{8}$/.exec(entry)?.[1];
    if (pid === undefined || liveness(describeProcess(Number(pid), 0)) === "alive") continue;
    rmSync(join(root, entry), { recursive: true, force: true });
  }
}

/** What the system says where a directory cannot be made; ENOENT under /proc. */
const NOT_CREATABLE = new Set(["EACCES", "EPERM", "EROFS", "ENOTDIR", "ENOENT", "ELOOP", "ENAMETOOLONG"]);

function explainCreation(error: unknown, dir: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === "ENOTEMPTY" || code === "EEXIST") return existingRun(dir);
  if (code !== undefined && NOT_CREATABLE.has(code)) {
    const reason = (error as Error).message;
    return new ConfigError(`${dir}: cannot be created (${reason}); choose another --out`, { cause: error });
  }
  return explainWriteFailure(error, { path: dir, bytes: 0 });
}

function checkRunName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,127}$/.test(name)) return;
  throw new ConfigError(
    `run name ${JSON.stringify(name)}: expected 1-128 characters without "/", "\\" or control characters, not beginning with "."; choose another name`,
  );
}
