import type { Operands } from "./operand.ts";

/** out[0] = Σ x². */
export function sumSquares({ x, out, count }: Operands<"sumSquares">): void {
  let total = 0;
  for (let i = 0; i < count; i++) total += x[i] * x[i];
  out[0] = total;
}

/** One AdamW step; the decay uses the parameter before the step, as torch.optim.AdamW. @see arXiv:1711.05101 algorithm 2 */
export function adamw(operands: Operands<"adamw">): void {
  const { param, grad, m, v, decay, count, lr, beta1, beta2, eps, weightDecay } = operands;
  const { correction1, correction2, gradScale } = operands;
  for (let i = 0; i < count; i++) {
    const g = gradScale * grad[i];
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const step = m[i] / correction1 / (Math.sqrt(v[i] / correction2) + eps);
    param[i] -= lr * (step + (decay ? decay[i] : 1) * weightDecay * param[i]);
  }
}
