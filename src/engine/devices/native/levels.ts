import { DeviceError } from "../../../base/errors.ts";
import type { NativeLevel } from "./addon.ts";

/** Levels whose processors multiply bf16 operands. */
const bf16Levels = ["amx", "avx512bf16"];

export interface ChosenLevel {
  level: NativeLevel;
  /** Whether somebody asked for it by name. */
  forced: boolean;
}

/**
 * The instruction set to use: the strongest available, or the one asked for. A level that the processor does not list
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
  if (asked === undefined) return { level: levels.find(({ available }) => available) as NativeLevel, forced: false };
  const level = levels.find(({ name }) => name === asked);
  if (level && (level.available || probe(level.level))) return { level, forced: true };
  const there = levels.filter(({ available }) => available).map(({ name }) => name);
  const why = level ? level.reason : `it is none of ${levels.map(({ name }) => name).join(", ")}`;
  throw new DeviceError(
    `native device: instruction set ${asked} cannot be used here: ${why}; set RECKON_ISA to one of ${there.join(", ")}, or leave it out for ${there[0]}`,
  );
}

/** Operand type of matrix products: `auto` is bf16 where the level has instructions for it, f32 elsewhere. */
export function choosePrecision(asked: "auto" | "f32" | "bf16", level: string): "f32" | "bf16" {
  if (asked !== "auto") return asked;
  return bf16Levels.includes(level) ? "bf16" : "f32";
}
