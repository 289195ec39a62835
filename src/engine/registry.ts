import { availableParallelism, cpus, totalmem } from "node:os";
import { ConfigError } from "../base/errors.ts";
import type { Device } from "./device.ts";
import { loadAddon } from "./devices/native/addon.ts";
import { MAX_THREADS, openNativeDevice } from "./devices/native/index.ts";
import { chooseLevel, choosePrecision } from "./devices/native/levels.ts";
import { openReferenceDevice } from "./devices/reference/device.ts";

export { CountingDevice, type HeldBytes } from "./devices/counting/device.ts";
export { requireAddon } from "./devices/native/addon.ts";
export { type MappedFile, mapFile } from "./devices/native/mapped-file.ts";
export { MAX_THREADS };

export interface DeviceOptions {
  /** `native` is C++ on all cores; `reference` is plain TypeScript in f64, hundreds of times slower. */
  name: "native" | "reference";
  /** `auto`: the processors this process may use, at most 64. Reference always runs on one. */
  threads?: number | "auto";
  /** Operands of matrix products. `auto`: bf16 where the processor multiplies it faster than f32 (AMX, AMD), else f32. */
  precision?: "auto" | "f32" | "bf16";
  /** Instruction set of the native device; the environment variable RECKON_ISA, or else the strongest, when left out. */
  isa?: string;
}

/** Threads that `auto` stands for. */
export const automaticThreads = (): number => Math.min(64, availableParallelism());

/**
 * Opens a device.
 *
 * @throws ConfigError for an unknown device or precision, or a number of threads out of range
 * @throws DeviceError when the device cannot be had here, with what to do
 */
export function openDevice({ name, threads = "auto", precision = "auto", isa }: DeviceOptions): Device {
  const problems: string[] = [];
  if (name !== "native" && name !== "reference") {
    problems.push(`device must be native or reference, got ${name}`);
  }
  if (threads !== "auto" && !(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)) {
    problems.push(`threads must be auto or a whole number from 1 to ${MAX_THREADS}, got ${threads}`);
  }
  if (precision !== "auto" && precision !== "f32" && precision !== "bf16") {
    problems.push(`precision must be auto, f32 or bf16, got ${precision}`);
  }
  if (problems.length > 0) throw new ConfigError(`open device: ${problems.join("; ")}`);
  if (name === "reference") return openReferenceDevice();
  return openNativeDevice({
    threads: threads === "auto" ? automaticThreads() : threads,
    precision,
    isa: isa ?? isaFromEnvironment(),
  });
}

/** What `reckon doctor` shows. */
export interface DeviceReport {
  processor: { model: string; arch: string; cores: number };
  /** What this process may use: a container's limit counts. */
  memory: { totalBytes: number; freeBytes: number };
  node: string;
  native: {
    path: string;
    state: "ready" | "missing" | "unusable" | "stale";
    /** Set unless ready: what is wrong and how to mend it. */
    reason?: string;
    mend?: string;
    /** Instruction sets, strongest first; empty unless ready. */
    levels: { name: string; available: boolean; reason: string }[];
    /** What a device opened without options would use; absent unless ready. */
    chosen?: { isa: string; forced: boolean; precision: "f32" | "bf16"; threads: number };
    /** Why none can be opened although the addon is ready: a RECKON_ISA that cannot be used. */
    problem?: string;
  };
}

/** What this machine has and which device a run would get. Never throws. */
export function describeDevices(options: { addonPath?: string } = {}): DeviceReport {
  const processors = cpus();
  const report = {
    processor: { model: processors[0]?.model.trim() ?? "unknown", arch: process.arch, cores: availableParallelism() },
    memory: memoryLimits(),
    node: process.versions.node,
  };
  const found = loadAddon(options.addonPath);
  if (found.state !== "ready") {
    const { path, state, reason, mend } = found;
    return { ...report, native: { path, state, reason, mend, levels: [] } };
  }
  const { path, state, addon } = found;
  const levels = addon.levels();
  const native = { path, state, levels: levels.map(({ name, available, reason }) => ({ name, available, reason })) };
  try {
    const { level, forced } = chooseLevel(levels, isaFromEnvironment(), (candidate) => addon.probe(candidate));
    const precision = choosePrecision("auto", level);
    const chosen = { isa: level.name, forced, precision, threads: automaticThreads() };
    return { ...report, native: { ...native, chosen } };
  } catch (error) {
    return { ...report, native: { ...native, problem: (error as Error).message } };
  }
}

/** Memory this process may use: the machine's, or less where a container's limit is lower. */
function memoryLimits(): { totalBytes: number; freeBytes: number } {
  // 0, or more than there is, where there is no limit.
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  const totalBytes = Math.min(totalmem(), limit);
  return { totalBytes, freeBytes: Math.min(totalBytes, process.availableMemory()) };
}

/** RECKON_ISA, empty counting as unset. */
const isaFromEnvironment = (): string | undefined => process.env.RECKON_ISA || undefined;
