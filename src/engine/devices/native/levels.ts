import { DeviceError } from "../../../base/errors.ts";
import type { NativeLevel } from "./addon.ts";

export interface ChosenLevel {
  level: NativeLevel;
  /** Whether somebody asked for it by name. */
  forced: boolean;
}

/**
 * The instruction set to use: the strongest available, or the one asked for. `avx512bf16` differs from `avx512` in bf16
 * products alone, so it is passed over unless asked for where it is the slower one. A level that the processor does not list
 * may still be asked for when its instructions are found to execute (hypervisors hide some without disabling them).
 *
 * @param levels strongest first
 * @param asked a level's name, or undefined for the strongest
 * @param probe runs one instruction of the level
 * @throws DeviceError when the level asked for does not exist or does not execute
 */
export function chooseLevel(
  levels: readonly NativeLevel[],
  asked: string | undefined,
  probe: (level: number) => boolean,
): ChosenLevel {
  if (asked === undefined) {
    const gains = ({ name, fastBf16 }: NativeLevel) => name !== "avx512bf16" || fastBf16;
    return { level: levels.find((level) => level.available && gains(level)) as NativeLevel, forced: false };
  }
  const level = levels.find(({ name }) => name === asked);
  if (level && (level.available || probe(level.level))) return { level, forced: true };
  const there = levels.filter(({ available }) => available).map(({ name }) => name);
  const why = level ? level.reason : `it is none of ${levels.map(({ name }) => name).join(", ")}`;
  throw new DeviceError(
    `native device: instruction set ${asked} cannot be used here: ${why}; set RECKON_ISA to one of ${there.join(", ")}, or leave it out for ${there[0]}`,
  );
}

/** Operand type of matrix products: `auto` is bf16 where the level multiplies it faster than f32, f32 elsewhere. */
export function choosePrecision(
  asked: "auto" | "f32" | "bf16",
  { fastBf16 }: Pick<NativeLevel, "fastBf16">,
): "f32" | "bf16" {
  if (asked !== "auto") return asked;
  return fastBf16 ? "bf16" : "f32";
}
