import { DataError } from "../base/errors.ts";

/** An exact fraction in lowest terms; the denominator is positive, so equal values have equal fields. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** |value| of a whole number. */
export function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** Greatest common divisor of |a| and |b|, by Euclid; gcd(0, b) = |b|. */
export function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [absolute(a), absolute(b)];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** Least common multiple of |a| and |b|; 0 when either is 0. */
export function lcm(a: bigint, b: bigint): bigint {
  return a === 0n || b === 0n ? 0n : absolute(a / gcd(a, b)) * absolute(b);
}

/**
 * numerator / denominator in lowest terms.
 * @throws DataError when the denominator is 0
 */
export function rational(numerator: bigint, denominator = 1n): Rational {
  if (denominator === 0n) {
    throw new DataError(
      `rational: expected a denominator other than 0, got ${numerator}/0; redraw or correct the input`,
    );
  }
  const divisor = gcd(numerator, denominator) * (denominator < 0n ? -1n : 1n);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

/** a + b. */
export function add(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
}

/** −a. */
export function negate(a: Rational): Rational {
  return { numerator: -a.numerator, denominator: a.denominator };
}

/** a − b. */
export function subtract(a: Rational, b: Rational): Rational {
  return add(a, negate(b));
}

/** a · b. */
export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.numerator, a.denominator * b.denominator);
}

/**
 * a / b.
 * @throws DataError when b is 0
 */
export function divide(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator, a.denominator * b.numerator);
}

/** The largest whole number not above a. */
export function floor(a: Rational): bigint {
  const quotient = a.numerator / a.denominator;
  return a.numerator < 0n && quotient * a.denominator !== a.numerator ? quotient - 1n : quotient;
}

/**
 * Floored modulo, Python's convention: a − b·⌊a/b⌋. The result has b's sign: −7 mod 5 = 3, 7 mod −5 = −3,
 * and it is defined for fractions alike: 1/2 mod 1/3 = 1/6.
 * @throws DataError when b is 0
 */
export function modulo(a: Rational, b: Rational): Rational {
  return subtract(a, multiply(b, rational(floor(divide(a, b)))));
}

/** Negative, 0 or positive as a is below, equal to or above b. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Whether two fractions are the same number. */
export function equals(a: Rational, b: Rational): boolean {
  return a.numerator === b.numerator && a.denominator === b.denominator;
}

/** `11`, `-3` or `-1/3`: lowest terms, most significant digit first. */
export function formatRational(a: Rational): string {
  return a.denominator === 1n ? `${a.numerator}` : `${a.numerator}/${a.denominator}`;
}

/**
 * Reads `11`, `-3` or `-2/6` (any terms, leading zeros allowed).
 * @returns null when the text is anything else, a denominator of 0 included
 */
export function parseRational(text: string): Rational | null {
  const match = /^(-?\d+)(?:\/(\d+))?$/.exec(text);
  if (match === null) return null;
  const denominator = BigInt(match[2] ?? "1");
  return denominator === 0n ? null : rational(BigInt(match[1]), denominator);
}
