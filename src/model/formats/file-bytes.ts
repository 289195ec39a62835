import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { CheckpointError } from "../../base/errors.ts";
import { mapFile } from "../../engine/registry.ts";

/** A file read by position; mapped into memory where that is possible. */
export interface FileBytes {
  readonly path: string;
  readonly size: number;
  /** Bytes begin … end; valid until the file is closed. @throws CheckpointError when the file has become shorter */
  read(begin: number, end: number): Uint8Array;
  /** Says that the bytes begin … end were used: the memory behind them may go. */
  release(begin: number, end: number): void;
  close(): void;
}

/** @throws CheckpointError when the path is missing, cannot be read, or is no file */
export function openFileBytes(path: string): FileBytes {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message;
    throw new CheckpointError(`${path}: cannot be opened (${reason}); check --model`, { cause: error });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw checkpointFault(path, "expected a file, got a directory or device");
    const mapped = mapFile(fd, stat.size);
    return {
      path,
      size: stat.size,
      read(begin, end) {
        if (mapped && end <= fstatSync(fd).size) return mapped.bytes.subarray(begin, end);
        const bytes = new Uint8Array(end - begin);
        readExactly(fd, bytes, begin, path);
        return bytes;
      },
      release: (begin, end) => mapped?.release(begin, end),
      close() {
        mapped?.close();
        closeSync(fd);
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readExactly(fd: number, target: Uint8Array, position: number, path: string): void {
  const mostPerCall = 1 << 30;
  for (let done = 0; done < target.byteLength; ) {
    const count = readSync(fd, target, done, Math.min(mostPerCall, target.byteLength - done), position + done);
    if (count === 0)
      throw checkpointFault(path, `expected ${target.byteLength} bytes at ${position}, got ${done}: truncated`);
    done += count;
  }
}

/** The error of a file whose content cannot be trusted. */
export function checkpointFault(path: string, problem: string): CheckpointError {
  return new CheckpointError(`${path}: ${problem}; fetch or write the file again, or take another checkpoint`);
}
