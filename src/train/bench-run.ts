import type { Device } from "../engine/device.ts";
import { type DeviceOptions, openDevice } from "../engine/registry.ts";

/** What a benchmark of training is told: device options as for `openDevice`, and how long to go on. */
export interface BenchOptions extends Partial<DeviceOptions> {
  /** Steps to time, after those that are not. */
  steps?: number;
  /** Steps that are not timed, at the beginning; default 1. The first step packs weights and takes its memory. */
  warmUp?: number;
  /** Names weights, prompts and sampling; default 0. */
  seed?: number;
  onStep?: (step: number, seconds: number) => void;
}

/** `BenchOptions` without the device, nothing left open. */
export type BenchSettings = Required<Pick<BenchOptions, "steps" | "warmUp" | "seed" | "onStep">>;

/** What every benchmark of training reports of where it ran. */
export interface BenchSurroundings {
  /** Most memory the process ever held, MiB. */
  peakRssMb: number;
  steps: number;
  device: string;
  isa: string;
  precision: string;
  threads: number;
}

/**
 * Runs a workload on a device of its own, and says where it ran.
 *
 * @param steps how many are timed where the options do not say
 * @throws DeviceError when the device cannot be had; ConfigError when its options are out of range
 */
export async function onBenchDevice<R extends object>(
  { steps: given, warmUp = 1, seed = 0, onStep = () => {}, ...deviceOptions }: BenchOptions,
  { steps: usual }: { steps: number },
  timeSteps: (device: Device, settings: BenchSettings) => Promise<R>,
): Promise<R & BenchSurroundings> {
  const steps = given ?? usual;
  const device = openDevice({ name: "native", ...deviceOptions });
  try {
    const result = await timeSteps(device, { steps, warmUp, seed, onStep });
    const { isa, precision, threads, name } = device.info;
    const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
    return { ...result, peakRssMb, steps, device: name, isa, precision, threads };
  } finally {
    // All memory of the workload is this device's, and goes with it.
    device.close();
  }
}
