import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ASIDE_PREFIX, asidePath, discard, explainWriteFailure, syncPath } from "../base/atomic-file.ts";
import { CheckpointError, ConfigError } from "../base/errors.ts";

/** A checkpoint directory as it stands on disk. */
export interface SavedCheckpoint {
  stage: string;
  /** Steps of the stage done when it was written. */
  step: number;
  /** What `best` is chosen by, higher is better; null when it was not measured. */
  score: number | null;
  /** Absolute or relative to the working directory, as the run's directory is. */
  path: string;
}

/** Fills a directory that is still aside; it becomes visible only after this returns and its bytes are on disk. */
export type WriteCheckpoint = (dir: string) => void | Promise<void>;

const NAME = /^(.+)-(\d+)$/;
const META = "checkpoint.json";

/** Checkpoints of a run, ordered by stage name and step; directories without a readable `checkpoint.json` are not listed. */
export function listCheckpoints(runDir: string): SavedCheckpoint[] {
  const root = join(runDir, "checkpoints");
  if (!existsSync(root)) return [];
  const found: SavedCheckpoint[] = [];
  for (const name of readdirSync(root)) {
    const match = NAME.exec(name);
    if (match === null || name.startsWith(ASIDE_PREFIX)) continue;
    const path = join(root, name);
    const score = readScore(path);
    if (score !== undefined) found.push({ stage: match[1], step: Number(match[2]), score, path });
  }
  return found.sort((a, b) => (a.stage === b.stage ? a.step - b.step : a.stage < b.stage ? -1 : 1));
}

/** The checkpoint of highest score, the earliest of equals; null when none has a score. */
export function bestCheckpoint(checkpoints: readonly SavedCheckpoint[]): SavedCheckpoint | null {
  let best: SavedCheckpoint | null = null;
  for (const one of checkpoints) {
    if (one.score === null) continue;
    if (best === null || one.score > best.score! || (one.score === best.score && one.step < best.step)) best = one;
  }
  return best;
}

/**
 * Writes `checkpoints/<stage>-<step>` aside, syncs every file in it, and renames it into place.
 *
 * @throws CheckpointError when the disk is full; nothing is left behind and `lastGood` is named
 */
export async function writeCheckpoint(
  runDir: string,
  checkpoint: { stage: string; step: number; score: number | null; write: WriteCheckpoint; lastGood: string | null },
): Promise<SavedCheckpoint> {
  const { stage, step, score, lastGood } = checkpoint;
  const path = join(runDir, "checkpoints", `${stage}-${step}`);
  await writeDirectory(path, lastGood, async (dir) => {
    await checkpoint.write(dir);
    writeFileSync(join(dir, META), `${JSON.stringify({ stage, step, score })}\n`);
  });
  return { stage, step, score, path };
}

/**
 * Replaces a directory whole: filled aside, synced, renamed. A kill between the two renames leaves no directory at
 * `path`, never a partial one.
 *
 * @throws CheckpointError when the disk is full; what was written aside is removed
 */
export async function writeDirectory(path: string, lastGood: string | null, write: WriteCheckpoint): Promise<void> {
  const aside = asidePath(path);
  const replaced = asidePath(path);
  try {
    mkdirSync(aside, { recursive: true });
    await write(aside);
    syncTree(aside);
    if (existsSync(path)) renameSync(path, replaced);
    renameSync(aside, path);
    syncPath(dirname(path));
  } catch (error) {
    discard(aside);
    throw explainWriteFailure(error, { path, bytes: 0, lastGood });
  } finally {
    discard(replaced);
  }
}

/**
 * Deletes what retention does not keep: of each stage the last `keepLast` and the best stay.
 *
 * @returns the paths that were deleted
 */
export function pruneCheckpoints(runDir: string, keepLast: number): string[] {
  const deleted: string[] = [];
  for (const [, ofStage] of byStage(listCheckpoints(runDir))) {
    const best = bestCheckpoint(ofStage);
    for (const one of ofStage.slice(0, -keepLast)) {
      if (one === best) continue;
      removeDirectory(one.path);
      deleted.push(one.path);
    }
  }
  return deleted;
}

/** Checkpoints grouped by stage, each group in order of steps. */
export function byStage(checkpoints: readonly SavedCheckpoint[]): Map<string, SavedCheckpoint[]> {
  const groups = new Map<string, SavedCheckpoint[]>();
  for (const one of checkpoints) {
    const group = groups.get(one.stage);
    if (group === undefined) groups.set(one.stage, [one]);
    else group.push(one);
  }
  return groups;
}

/** Removes a directory as a whole: renamed out of sight first, so that a kill leaves no partial checkpoint. */
export function removeDirectory(path: string): void {
  const aside = asidePath(path);
  renameSync(path, aside);
  rmSync(aside, { recursive: true, force: true });
}

/** Removes what killed writers left aside. Call it only while holding the run's lock. */
export function removeLeftovers(runDir: string): void {
  for (const dir of [runDir, join(runDir, "checkpoints")]) {
    if (!existsSync(dir)) continue;
    for (const name of readdirSync(dir)) {
      if (name.startsWith(ASIDE_PREFIX)) rmSync(join(dir, name), { recursive: true, force: true });
    }
  }
}

/** @throws ConfigError when fewer than one checkpoint would be kept: resuming needs the last */
export function checkKeepLast(keepLast: number): void {
  if (Number.isInteger(keepLast) && keepLast >= 1) return;
  throw new ConfigError(
    `checkpoints: keepLast must be a whole number from 1, got ${keepLast}; resuming needs the last`,
  );
}

/**
 * Stage names become directory names.
 *
 * @throws ConfigError when the name could not
 */
export function checkStageName(stage: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(stage)) return;
  throw new ConfigError(
    `stage name ${JSON.stringify(stage)}: expected 1-64 letters, digits, ".", "_" or "-", beginning with a letter or digit; rename the stage`,
  );
}

function readScore(path: string): number | null | undefined {
  try {
    const meta = JSON.parse(readFileSync(join(path, META), "utf8")) as { score?: unknown };
    return typeof meta.score === "number" ? meta.score : null;
  } catch {
    return undefined;
  }
}

function syncTree(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncPath(path);
    else
      throw new CheckpointError(
        `checkpoint: expected only files and directories, found ${path}; write copies, not links`,
      );
  }
  syncPath(dir);
}
