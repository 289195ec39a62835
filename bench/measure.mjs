// What the comparisons here share: a side is a process of its own, a figure the median of its rounds.
import { spawnSync } from "node:child_process";

/** The last line that a command prints, as JSON. */
export function ask([command, ...args], input) {
  const result = spawnSync(command, args, { encoding: "utf8", input });
  if (result.status !== 0) throw new Error(`${command} failed: ${result.stderr || result.error}`);
  return JSON.parse(result.stdout.trim().split("\n").at(-1));
}

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
export const range = (numbers, digits) =>
  `${Math.min(...numbers).toFixed(digits)}-${Math.max(...numbers).toFixed(digits)}`;
