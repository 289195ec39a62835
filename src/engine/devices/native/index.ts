import { ConfigError, DeviceError } from "../../../base/errors.ts";
import { requireAddon } from "./addon.ts";
import { NativeDevice } from "./device.ts";
import { chooseLevel, choosePrecision } from "./levels.ts";

/** More threads than this gain nothing: a call's barrier grows with them. */
export const MAX_THREADS = 256;

export interface NativeOptions {
  threads: number;
  precision: "auto" | "f32" | "bf16";
  /** An instruction set's name; undefined: the strongest there is. */
  isa?: string;
  /** The addon's file; for tests. */
  addonPath?: string;
}

/**
 * Opens the C++ device.
 *
 * @throws ConfigError for a number of threads that is not 1 … MAX_THREADS
 * @throws DeviceError when the addon or the instruction set cannot be used, or threads cannot be started
 */
export function openNativeDevice({ threads, precision, isa, addonPath }: NativeOptions): NativeDevice {
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new ConfigError(`native device: threads must be a whole number from 1 to ${MAX_THREADS}, got ${threads}`);
  }
  const addon = requireAddon(addonPath);
  const { level } = chooseLevel(addon.levels(), isa, (candidate) => addon.probe(candidate));
  const operands = choosePrecision(precision, level.name);
  const info = { name: "native", isa: level.name, threads, precision: operands } as const;
  try {
    return new NativeDevice(addon, addon.open(level.level, threads, operands === "bf16" ? 1 : 0), info);
  } catch (cause) {
    throw new DeviceError(`native device: could not start ${threads} threads; ask for fewer with --threads`, { cause });
  }
}
