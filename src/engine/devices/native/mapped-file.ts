import { constants } from "node:buffer";
import { loadAddon } from "./addon.ts";

/** A file whose bytes are read as memory is. */
export interface MappedFile {
  /** The whole file; empty once closed. Writes to it stay in this process. */
  readonly bytes: Uint8Array;
  /** Says that bytes begin … end were used: the memory behind them goes, and comes back when they are read again. */
  release(begin: number, end: number): void;
  close(): void;
}

/**
 * Maps an open file, so that what is copied out of it is not held twice. The file must not be cut short while it is mapped:
 * reading behind its new end would end the process, so compare its size before each use.
 *
 * @param descriptor may be closed when this returns
 * @param size of the file in bytes
 * @returns null where that is not possible: for an empty file, without the addon, on a file system that refuses, or for a
 * file larger than one buffer may be (4 GiB in Node 20)
 */
export function mapFile(descriptor: number, size: number): MappedFile | null {
  const found = loadAddon();
  if (found.state !== "ready" || size === 0 || size > constants.MAX_LENGTH) return null;
  const { addon } = found;
  const buffer = addon.mapFile(descriptor, size);
  if (!buffer) return null;
  return {
    // The view follows the buffer, which is of length 0 once it is detached.
    bytes: new Uint8Array(buffer),
    release: (begin, end) => addon.releaseMapped(buffer, begin, end),
    close: () => addon.unmapFile(buffer),
  };
}
