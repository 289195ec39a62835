import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectories } from "../directories.ts";
import { ReckonError } from "../errors.ts";
import { sizeOf } from "./cache.ts";
import type { HubFile } from "./listing.ts";
import { type HubReference, hubFault } from "./reference.ts";
import { HubUnavailable, hubFetch, reasonOf } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** Requests in a row that may bring less than `PROGRESS` before we give up. */
const ATTEMPTS = 5;
const PROGRESS = 1 << 20;

interface Download {
  reference: HubReference;
  settings: HubSettings;
  url: string;
  file: HubFile;
  /** Where the content belongs. */
  blob: string;
  /** Told how many bytes of the file are there, from those kept of an interrupted download on. */
  onBytes: (done: number) => void;
}

/**
 * Fetches one file into `blob`. What comes is kept in `blob.incomplete` and continued where it ends, in this call when the
 * connection drops, or in a later one; the file gets its name when its size and digest are those the hub listed.
 *
 * @throws CheckpointError or DataError when the hub refuses or stays away, sends another length or content than it
 *   listed, or the disk is full; what was fetched is kept unless it is wrong
 */
export async function download(task: Download): Promise<void> {
  const { blob, file, settings } = task;
  const partial = `${blob}.incomplete`;
  makeDirectories(dirname(blob));
  for (let failures = 0, wrong = 0; ; ) {
    // Perhaps by another process meanwhile.
    if (sizeOf(blob) === file.size) return;
    const kept = sizeOf(partial) ?? 0;
    try {
      await fetchRest(task, partial);
      if ((await digestOf(partial, file)) === file.digest) {
        renameSync(partial, blob);
        return;
      }
      rmSync(partial, { force: true });
      // The part kept from before may have been at fault, so once more from the beginning; but not forever.
      if (kept === 0 || ++wrong > 1) throw mismatch(task);
    } catch (error) {
      if (!(error instanceof HubUnavailable)) throw explain(task, error);
      failures = (sizeOf(partial) ?? 0) - kept >= PROGRESS ? 1 : failures + 1;
      if (failures >= ATTEMPTS) throw gaveUp(task, partial, error);
      await sleep(settings.retryMs * 2 ** (failures - 1));
    }
  }
}

/** One request for what is missing of the file. @throws HubUnavailable when it ends early; what came is kept */
async function fetchRest(task: Download, partial: string): Promise<void> {
  const { file, reference, settings, url, onBytes } = task;
  let begin = sizeOf(partial) ?? 0;
  if (begin > file.size) {
    rmSync(partial);
    begin = 0;
  }
  // "a" makes the file without emptying it; positions are given with every write.
  closeSync(openSync(partial, "a"));
  if (begin === file.size) return;
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), settings.timeoutMs);
  const fd = openSync(partial, "r+");
  try {
    const headers: Record<string, string> = { "Accept-Encoding": "identity" };
    if (begin > 0) headers.Range = `bytes=${begin}-`;
    const response = await hubFetch(reference, settings)(url, { headers, signal: stall.signal });
    if (response.status === 416) {
      await response.body?.cancel();
      ftruncateSync(fd, 0);
      throw new HubUnavailable("the hub does not continue the file");
    }
    // A server that knows no ranges begins again.
    if (response.status !== 206) begin = 0;
    await checkLength(task, response, begin);
    ftruncateSync(fd, begin);
    let at = begin;
    onBytes(at);
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(), settings.timeoutMs);
      if (at + chunk.byteLength > file.size) {
        ftruncateSync(fd, 0);
        throw wrongLength(task, `at least ${at + chunk.byteLength}`);
      }
      for (let done = 0; done < chunk.byteLength; ) {
        done += writeSync(fd, chunk, done, chunk.byteLength - done, at + done);
      }
      at += chunk.byteLength;
      onBytes(at);
    }
    if (at < file.size) throw new HubUnavailable(`the connection ended after ${at} of ${file.size} bytes`);
    fsyncSync(fd);
  } catch (error) {
    if (stall.signal.aborted)
      throw new HubUnavailable(`nothing came for ${settings.timeoutMs / 1000} s`, { cause: error });
    if (error instanceof HubUnavailable || error instanceof ReckonError || isSystemError(error)) throw error;
    throw new HubUnavailable(`the connection dropped (${reasonOf(error)})`, { cause: error });
  } finally {
    clearTimeout(timer);
    closeSync(fd);
  }
}

/** Before a byte is written: an answer of another length than the file's is an error page, or another file. */
async function checkLength(task: Download, response: Response, begin: number): Promise<void> {
  const { size } = task.file;
  const range = response.headers.get("content-range");
  const declared = response.headers.get("content-length");
  if (response.status === 206 && range !== `bytes ${begin}-${size - 1}/${size}`) {
    await response.body?.cancel();
    throw wrongLength(task, `range ${range}`);
  }
  if (declared !== null && begin + Number(declared) !== size) {
    await response.body?.cancel();
    throw wrongLength(task, `${begin + Number(declared)}`);
  }
}

/** SHA-256, or git's SHA-1 of a blob: of the word, the length, and the content. */
async function digestOf(path: string, { digest, size }: HubFile): Promise<string> {
  const hash = digest.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 22 })) hash.update(chunk);
  return hash.digest("hex");
}

/** Of the disk: fetch wraps what the network's system calls say. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof (error as NodeJS.ErrnoException | null)?.syscall === "string";
}

function wrongLength({ reference, file }: Download, got: string): Error {
  return hubFault(
    reference,
    `${file.path}: expected ${file.size} bytes as listed, got ${got}; try again, or check HF_ENDPOINT and any proxy`,
  );
}

function mismatch({ reference, file }: Download): Error {
  return hubFault(
    reference,
    `${file.path}: what came is not the content that was listed (${file.digest.slice(0, 12)}…), and was thrown away; ` +
      "try again, or check HF_ENDPOINT and any proxy",
  );
}

function gaveUp({ reference, file }: Download, partial: string, error: HubUnavailable): Error {
  return hubFault(
    reference,
    `${file.path}: ${error.message}, ${ATTEMPTS} times in a row; ${sizeOf(partial) ?? 0} of ${file.size} bytes are kept: ` +
      "run the command again to go on from there",
    { cause: error },
  );
}

function explain({ reference, file, blob }: Download, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? "";
  if (!["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EIO"].includes(code)) return error;
  return hubFault(
    reference,
    `${file.path}: cannot be written to ${dirname(blob)} (${code}); free space there, or set HF_HOME to another directory`,
    { cause: error },
  );
}
