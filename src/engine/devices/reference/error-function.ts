const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** Where the series for erf gives way to the continued fraction for erfc; both converge to f64 within 50 terms here. */
const SERIES_BOUND = 2.5;

/**
 * erf(x) = 2/√π · e^(−x²) · Σ_n 2ⁿ x^(2n+1) / (1·3·5···(2n+1)), every term of one sign, so nothing cancels.
 * @see Abramowitz and Stegun 7.1.6
 */
function erfBySeries(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return TWO_OVER_SQRT_PI * Math.exp(-x * x) * total;
}

/**
 * erfc(x) = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))) for x > 0, evaluated from its 60th denominator outwards.
 * @see Abramowitz and Stegun 7.1.14
 */
function erfcByContinuedFraction(x: number): number {
  let denominator = x;
  for (let n = 60; n >= 1; n--) denominator = x + n / 2 / denominator;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * denominator);
}

/** The standard normal distribution function Φ(x) = ½ erfc(−x/√2), to about 1e-15 relative, in the tails too. */
export function normalCumulative(x: number): number {
  const z = x * Math.SQRT1_2;
  if (Math.abs(z) < SERIES_BOUND) return 0.5 * (1 + erfBySeries(z));
  const tail = 0.5 * erfcByContinuedFraction(Math.abs(z));
  return z < 0 ? tail : 1 - tail;
}

/** The standard normal density φ(x) = e^(−x²/2) / √(2π). */
export function normalDensity(x: number): number {
  return (Math.exp(-0.5 * x * x) * TWO_OVER_SQRT_PI * Math.SQRT1_2) / 2;
}
