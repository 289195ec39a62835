import { normalCumulative, normalDensity } from "./error-function.ts";
import type { Operands } from "./operand.ts";

/** y = x · Φ(x). @see arXiv:1606.08415 */
export function gelu({ x, y, count }: Operands<"gelu">): void {
  for (let i = 0; i < count; i++) y[i] = x[i] * normalCumulative(x[i]);
}

/** dX = dY · (Φ(x) + x · φ(x)). */
export function geluBackward({ dY, x, dX, count }: Operands<"geluBackward">): void {
  for (let i = 0; i < count; i++) dX[i] = dY[i] * (normalCumulative(x[i]) + x[i] * normalDensity(x[i]));
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** y = gate · σ(gate) · up. @see arXiv:2002.05202 */
export function swiglu({ gate, up, y, count }: Operands<"swiglu">): void {
  for (let i = 0; i < count; i++) y[i] = gate[i] * logistic(gate[i]) * up[i];
}

/** dUp = dY · silu(gate); dGate = dY · up · σ(gate) · (1 + gate · (1 − σ(gate))). */
export function swigluBackward({ dY, gate, up, dGate, dUp, count }: Operands<"swigluBackward">): void {
  for (let i = 0; i < count; i++) {
    const [g, u, d] = [gate[i], up[i], dY[i]];
    const s = logistic(g);
    dGate[i] = d * u * s * (1 + g * (1 - s));
    dUp[i] = d * g * s;
  }
}

/** y = tanh(x). */
export function tanh({ x, y, count }: Operands<"tanh">): void {
  for (let i = 0; i < count; i++) y[i] = Math.tanh(x[i]);
}

/** dX = dY · (1 − y²). */
export function tanhBackward({ dY, y, dX, count }: Operands<"tanhBackward">): void {
  for (let i = 0; i < count; i++) dX[i] = dY[i] * (1 - y[i] * y[i]);
}
