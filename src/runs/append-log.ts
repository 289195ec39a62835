import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from "node:fs";
import { explainWriteFailure, writeFully } from "../base/atomic-file.ts";
import { DataError } from "../base/errors.ts";

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/**
 * One JSON object per line, only ever appended. A line counts once its newline is on disk: what follows the last newline
 * was torn by a kill in the middle of a write, is ignored by `readLog` and cut off when the log is opened to append.
 */
export class AppendLog {
  readonly path: string;
  readonly #fd: number;
  readonly #lastGood: () => string | null;
  #pending: string[] = [];
  #failure: unknown = null;

  /** @param lastGood names the checkpoint that is intact, for the error of a full disk */
  constructor(path: string, lastGood: () => string | null = () => null) {
    this.path = path;
    this.#lastGood = lastGood;
    this.#fd = openSync(path, "a+");
    const whole = wholeBytes(this.#fd);
    if (whole < fstatSync(this.#fd).size) ftruncateSync(this.#fd, whole);
  }

  /** Queues a record; nothing is written until `flush`. */
  append(record: unknown): void {
    this.#pending.push(JSON.stringify(record));
  }

  /**
   * Hands the queued lines to the system: they survive a kill of this process from here on.
   *
   * @throws CheckpointError when the disk is full; whole lines stay, a partly written one is cut off. A log that failed
   *   once throws the same error from then on, so a lost line cannot go unnoticed.
   */
  flush(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(`${this.#pending.join("\n")}\n`, "utf8");
    this.#pending = [];
    try {
      writeFully(this.#fd, bytes);
    } catch (error) {
      this.#failure = explainWriteFailure(error, { path: this.path, bytes: bytes.length, lastGood: this.#lastGood() });
      try {
        ftruncateSync(this.#fd, wholeBytes(this.#fd));
      } catch {
        // The torn line stays and is cut off when the log is opened again.
      }
      throw this.#failure;
    }
  }

  /** `flush`, then waits until the disk has the bytes: they survive a power cut from here on. */
  sync(): void {
    this.flush();
    fsyncSync(this.#fd);
  }

  /** Flushes what is queued and closes the file, also when the flush fails. */
  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.#fd);
    }
  }
}

/**
 * The records of a log in order, read in pieces so that a long log needs little memory; a missing log is empty.
 *
 * @throws DataError naming file and line when a whole line is not JSON
 */
export function* readLog<T>(path: string): Generator<T> {
  let line = 0;
  for (const text of wholeLines(path)) {
    line++;
    let record: T;
    try {
      record = JSON.parse(text) as T;
    } catch (error) {
      throw new DataError(
        `${path}:${line}: expected one JSON object, got ${JSON.stringify(text.slice(0, 60))}; delete this line to read the rest`,
        { cause: error },
      );
    }
    yield record;
  }
}

function* wholeLines(path: string): Generator<string> {
  if (!existsSync(path)) return;
  const fd = openSync(path, "r");
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let parts: Buffer[] = [];
    for (let count: number; (count = readSync(fd, chunk, 0, CHUNK_BYTES, null)) > 0; ) {
      let start = 0;
      for (let end: number; (end = chunk.subarray(0, count).indexOf(NEWLINE, start)) >= 0; start = end + 1) {
        parts.push(chunk.subarray(start, end));
        yield parts.length === 1 ? parts[0].toString("utf8") : Buffer.concat(parts).toString("utf8");
        parts = [];
      }
      // The rest is copied: the next read overwrites `chunk`.
      if (start < count) parts.push(Buffer.from(chunk.subarray(start, count)));
    }
  } finally {
    closeSync(fd);
  }
}

/** Position after the last newline, searched from the end. */
function wholeBytes(fd: number): number {
  const chunk = Buffer.allocUnsafe(64 * 1024);
  for (let end = fstatSync(fd).size; end > 0; ) {
    const start = Math.max(0, end - chunk.length);
    const count = readSync(fd, chunk, 0, end - start, start);
    const newline = chunk.subarray(0, count).lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}
