/** How far the coefficient goes in one step: by a tenth of the relative error, of which at most a fifth counts. */
const rate = 0.1;
const mostError = 0.2;

/**
 * The weight of KL after a step that came to `kl`: larger where KL is above its target, smaller where it is below, so that
 * it settles near the target whatever rewards and learning rate are:
 * coefficient · (1 + 0.1 · clip(kl / target − 1, −0.2, 0.2)).
 *
 * @param kl mean over the tokens of the step
 * @param target above 0
 * @see arXiv:1909.08593 §2.2
 */
export function adaptKlCoefficient(coefficient: number, kl: number, target: number): number {
  const error = Math.min(mostError, Math.max(-mostError, kl / target - 1));
  return coefficient * (1 + rate * error);
}
