import { ConfigError, DeviceError } from "../../../base/errors.ts";
import { type NativeAddon, type NativeHandle, type NativeLevel, requireAddon } from "./addon.ts";
import { NativeDevice } from "./device.ts";
import { chooseLevel, choosePrecision } from "./levels.ts";

/** A bound against mistakes: every thread has a stack, scratch memory and counters of its own. */
export const MAX_THREADS = 256;

/** What to fall back on where a level's own instructions are wrong. */
const weakerLevel: Partial<Record<string, string>> = { amx: "avx512", avx512bf16: "avx512", avx512: "avx2" };

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
 * @throws DeviceError when the addon or the instruction set cannot be used, threads cannot be started, or this processor
 * gets a small matrix product of whole numbers wrong: no instruction set is taken on trust
 */
export function openNativeDevice({ threads, precision, isa, addonPath }: NativeOptions): NativeDevice {
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new ConfigError(`native device: threads must be a whole number from 1 to ${MAX_THREADS}, got ${threads}`);
  }
  const addon = requireAddon(addonPath);
  const { level } = chooseLevel(addon.levels(), isa, (candidate) => addon.probe(candidate));
  const operands = choosePrecision(precision, level);
  const handle = openHandle(addon, level, threads, operands);
  const wrong = addon.wrongProduct(handle);
  if (wrong !== "") {
    addon.close(handle);
    const mend = weakerLevel[level.name]
      ? `set RECKON_ISA=${weakerLevel[level.name]}`
      : "rebuild the addon with npm run build";
    throw new DeviceError(
      `native device: ${wrong} comes out wrong with the ${level.name} instructions of this processor; ${mend} and report this`,
    );
  }
  return new NativeDevice(addon, handle, { name: "native", isa: level.name, threads, precision: operands });
}

function openHandle(
  addon: NativeAddon,
  { level }: NativeLevel,
  threads: number,
  operands: "f32" | "bf16",
): NativeHandle {
  try {
    return addon.open(level, threads, operands === "bf16" ? 1 : 0);
  } catch (cause) {
    throw new DeviceError(`native device: could not start ${threads} threads; ask for fewer with --threads`, { cause });
  }
}
