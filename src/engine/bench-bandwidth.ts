import { ConfigError, DeviceError } from "../base/errors.ts";
import { automaticThreads, MAX_THREADS, requireAddon } from "./registry.ts";

/** What this machine reads from memory, GB/s (10⁹ bytes a second). */
export interface ReadBandwidth {
  oneThread: number;
  /** With `threads` of them, which share what is read. */
  allThreads: number;
  threads: number;
}

/** Read in a pass: far more than caches hold, and little enough that a few passes take a few tenths of a second. */
const BYTES = 256 * 2 ** 20;
const PASSES = 8;

/**
 * Measures how fast memory is read: what decoding, which reads every weight for every piece, is held against. Whole words
 * are added up and nothing is written, so that a thread waits for memory alone; of eight passes over 256 MiB the fastest
 * counts, as everything else that the machine does can only slow one down. Takes less than half a second.
 *
 * @throws ConfigError for a number of threads out of range; DeviceError when there is no native addon, or no memory, here
 */
export function measureReadBandwidth({ threads = "auto" }: { threads?: number | "auto" } = {}): ReadBandwidth {
  const count = threads === "auto" ? automaticThreads() : threads;
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_THREADS))
    throw new ConfigError(
      `read bandwidth: threads must be auto or a whole number from 1 to ${MAX_THREADS}, got ${threads}`,
    );
  const found = requireAddon().readBandwidth(BYTES, count, PASSES);
  if (!found)
    throw new DeviceError(
      `read bandwidth: expected ${BYTES / 2 ** 20} MiB of memory and ${count} threads, got less; close other programs`,
    );
  return { oneThread: found.oneThread / 1e9, allThreads: found.allThreads / 1e9, threads: count };
}
