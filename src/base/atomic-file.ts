import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CheckpointError, DataError } from "./errors.ts";

/** Prefix of everything written aside; whatever still carries it when a run is opened was left by a killed process. */
export const ASIDE_PREFIX = ".tmp-";

/** A name beside `path` that no other writer uses, on the same file system so that a rename is atomic. */
export function asidePath(path: string): string {
  return join(dirname(path), `${ASIDE_PREFIX}${basename(path)}-${process.pid}-${randomBytes(4).toString("hex")}`);
}

/**
 * Replaces a file whole or not at all: written aside, synced, renamed, directory synced. A reader sees the old bytes or
 * the new ones, also after a power cut.
 *
 * @param content text (UTF-8), bytes, or chunks of bytes that are written as they are produced
 * @param options.lastGood what is still intact if this write fails, named in the error
 * @param options.aside where to write before the rename; must be on the same file system
 * @throws DataError when `path` is a directory or a device, which a rename would replace, or lies in no directory
 * @throws CheckpointError when the disk is full, a quota is reached or the disk fails; what was written aside is removed
 */
export function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
  options: { lastGood?: string | null; aside?: string } = {},
): void {
  const file = new Replacement(path, options);
  try {
    for (const chunk of chunksOf(content)) file.write(chunk);
    file.finish();
  } catch (error) {
    throw file.fail(error);
  }
  syncPath(dirname(path));
}

/**
 * The same for content that takes time to come by.
 *
 * @param fill writes it, by the function it is given; where it fails nothing is replaced
 * @returns what `fill` does
 */
export async function replaceFile<T>(
  path: string,
  fill: (write: (bytes: Uint8Array) => void) => Promise<T>,
): Promise<T> {
  const file = new Replacement(path);
  let result: T;
  try {
    result = await fill((bytes) => file.write(bytes));
    file.finish();
  } catch (error) {
    throw file.fail(error);
  }
  syncPath(dirname(path));
  return result;
}

/** A file that is written aside, to replace another. */
class Replacement {
  private readonly path: string;
  private readonly aside: string;
  private readonly lastGood?: string | null;
  private fd: number | null = null;
  private bytes = 0;

  constructor(path: string, { lastGood, aside }: { lastGood?: string | null; aside?: string } = {}) {
    checkTarget(path);
    this.path = path;
    this.aside = aside ?? asidePath(path);
    this.lastGood = lastGood;
    try {
      this.fd = openSync(this.aside, "w");
    } catch (error) {
      throw this.fail(error);
    }
  }

  write(chunk: Uint8Array): void {
    if (this.fd === null) throw new Error(`${this.path}: written to after its end`);
    this.bytes += chunk.byteLength;
    writeFully(this.fd, chunk);
  }

  /** Puts it in the place of the other. */
  finish(): void {
    if (this.fd !== null) fsyncSync(this.fd);
    this.close();
    renameSync(this.aside, this.path);
  }

  /** Leaves the other as it is, and says why. */
  fail(error: unknown): unknown {
    this.close();
    discard(this.aside);
    return explainWriteFailure(error, { path: this.path, bytes: this.bytes, lastGood: this.lastGood });
  }

  private close(): void {
    const { fd } = this;
    this.fd = null;
    if (fd !== null) closeSync(fd);
  }
}

function checkTarget(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isFile()) return;
  if (there) {
    const what = there.isDirectory() ? "a directory" : "a device or pipe";
    throw new DataError(`${path}: expected a file to replace or none, found ${what}; choose another path`);
  }
  if (statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()) return;
  throw new DataError(
    `${path}: expected a path in a directory that exists, and ${dirname(path)} is none; make it first`,
  );
}

/** Removes what was written aside, as far as it can be: a failure here must not hide the one that led to it. */
export function discard(aside: string): void {
  try {
    rmSync(aside, { recursive: true, force: true });
  } catch {
    // Left for whoever opens the run next to remove.
  }
}

/** Writes every byte; the system may take fewer than asked for in one call. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  const mostPerCall = 1 << 30;
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(fd, bytes, done, Math.min(mostPerCall, bytes.byteLength - done));
  }
}

/** Makes a file's bytes or a directory's entries durable. Windows has no handle to sync for a directory: nothing to do. */
export function syncPath(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (process.platform === "win32") return;
    throw error;
  }
  try {
    fsyncSync(fd);
  } catch (error) {
    if (process.platform !== "win32") throw error;
  } finally {
    closeSync(fd);
  }
}

const FULL: Record<string, string> = {
  ENOSPC: "disk full",
  EDQUOT: "disk quota reached",
  EFBIG: "file size limit reached",
  EIO: "disk failure",
};

/**
 * Turns the system's refusal to store bytes into an error that says what to do; any other error comes back unchanged.
 *
 * @param what.path the file being written
 * @param what.bytes how many bytes had been asked for
 * @param what.lastGood the checkpoint that is still intact, if the caller knows it
 */
export function explainWriteFailure(
  error: unknown,
  what: { path: string; bytes: number; lastGood?: string | null },
): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === undefined || FULL[code] === undefined) return error;
  const kept = what.lastGood ? `; the last good checkpoint is ${what.lastGood}` : "";
  return new CheckpointError(
    `${FULL[code]} while writing ${what.path} (${what.bytes} bytes); free space or choose another --out${kept}`,
    { cause: error },
  );
}

function chunksOf(content: string | Uint8Array | Iterable<Uint8Array>): Iterable<Uint8Array> {
  if (typeof content === "string") return [Buffer.from(content, "utf8")];
  return content instanceof Uint8Array ? [content] : content;
}
