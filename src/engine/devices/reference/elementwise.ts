import type { Operands } from "./operand.ts";

/** out[i] = value. */
export function fill({ out, count, value }: Operands<"fill">): void {
  out.fill(value, 0, count);
}

/** out[i] = x[i]. */
export function copy({ x, out, count }: Operands<"copy">): void {
  for (let i = 0; i < count; i++) out[i] = x[i];
}

/** out[i] += scale · x[i]. */
export function addScaled({ x, out, count, scale }: Operands<"addScaled">): void {
  for (let i = 0; i < count; i++) out[i] += scale * x[i];
}

/** out[i] = factor · x[i]; out may be x. */
export function scale({ x, out, count, factor }: Operands<"scale">): void {
  for (let i = 0; i < count; i++) out[i] = factor * x[i];
}
