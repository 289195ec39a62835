import {
  absolute,
  add,
  compare,
  divide,
  floor,
  multiply,
  negate,
  type Rational,
  rational,
} from "../../data/rational.ts";
import type { Expression } from "./expression.ts";
import {
  addPolynomials,
  atomPower,
  constant,
  type Effort,
  hasOpaqueAtoms,
  multiplyPolynomials,
  onlyTerm,
  type Polynomial,
  polynomialKey,
  powersKey,
  rationalPower,
  rationalValue,
  scale,
  type Term,
  TooLarge,
  termPower,
} from "./polynomial.ts";

/** over / under, where under is 1 unless it has several terms. Not reduced: compare by `sameFraction`. */
export interface Fraction {
  readonly over: Polynomial;
  readonly under: Polynomial;
}

const ONE = constant(rational(1n));

/** Greater whole numbers are not factored by trial. */
const MAX_FACTORED = 10n ** 10n;

/** Sums to a greater power are not multiplied out. */
const MAX_SUM_POWER = 64n;

const MAX_FACTORIAL = 3000n;

/**
 * Brings an expression to a fraction of polynomials, exactly: √12 becomes 2·3^(1/2), 1/√2 becomes 2^(1/2)/2, i² becomes −1,
 * 2^(n+1) becomes 2·2^n. Functions of other things than numbers, and roots of sums, become opaque atoms.
 *
 * @throws TooLarge when that takes too much arithmetic, and where a denominator is 0 or the value is infinite
 */
export function normalForm(of: Expression, effort: Effort): Fraction {
  effort.spend(1);
  switch (of.kind) {
    case "number":
      return polynomial(constant(of.value));
    case "symbol":
      if (of.name === "infty") throw new TooLarge();
      return polynomial(atomPower(of.name, rational(1n)));
    case "sum":
      return of.terms.map((term) => normalForm(term, effort)).reduce((a, b) => sum(a, b, effort));
    case "product":
      return of.factors.map((factor) => normalForm(factor, effort)).reduce((a, b) => product(a, b, effort));
    case "quotient":
      return product(normalForm(of.over, effort), inverse(normalForm(of.under, effort), effort), effort);
    case "power":
      return power(normalForm(of.base, effort), normalForm(of.exponent, effort), effort);
    case "root":
      return root(normalForm(of.radicand, effort), rational(1n, BigInt(of.index)), effort);
    case "call":
      return call(
        of.name,
        of.args.map((arg) => normalForm(arg, effort)),
      );
    case "either":
      throw new TooLarge();
  }
}

/**
 * Whether two fractions are the same, by over · other under = other over · under.
 * @returns null when they differ as written, but opaque atoms may hide that they are the same
 */
export function sameFraction(a: Fraction, b: Fraction, effort: Effort): boolean | null {
  const left = multiplyPolynomials(a.over, b.under, effort);
  const right = multiplyPolynomials(b.over, a.under, effort);
  const difference = addPolynomials(left, scale(right, rational(-1n)));
  if (difference.size === 0) return true;
  return hasOpaqueAtoms(left) || hasOpaqueAtoms(right) ? null : false;
}

/** The rational number that a fraction is; null for any other. */
export function fractionValue(a: Fraction): Rational | null {
  const over = rationalValue(a.over);
  const under = rationalValue(a.under);
  return over === null || under === null ? null : divide(over, under);
}

function polynomial(over: Polynomial): Fraction {
  return { over, under: ONE };
}

function sum(a: Fraction, b: Fraction, effort: Effort): Fraction {
  if (a.under === b.under || polynomialKey(a.under) === polynomialKey(b.under)) {
    return simplified(addPolynomials(a.over, b.over), a.under, effort);
  }
  const over = addPolynomials(
    multiplyPolynomials(a.over, b.under, effort),
    multiplyPolynomials(b.over, a.under, effort),
  );
  return simplified(over, multiplyPolynomials(a.under, b.under, effort), effort);
}

function product(a: Fraction, b: Fraction, effort: Effort): Fraction {
  const under = a.under === ONE ? b.under : multiplyPolynomials(a.under, b.under, effort);
  return simplified(multiplyPolynomials(a.over, b.over, effort), under, effort);
}

function inverse(a: Fraction, effort: Effort): Fraction {
  return simplified(a.under, a.over, effort);
}

/** Moves a denominator of one term into the numerator. */
function simplified(over: Polynomial, under: Polynomial, effort: Effort): Fraction {
  if (under === ONE) return { over, under };
  if (under.size === 0) throw new TooLarge();
  const term = onlyTerm(under);
  return term === null ? { over, under } : polynomial(multiplyPolynomials(over, termPower(term, -1n, effort), effort));
}

function power(base: Fraction, exponent: Fraction, effort: Effort): Fraction {
  const value = fractionValue(exponent);
  if (value === null) return variablePower(base, exponent, effort);
  return value.denominator === 1n ? wholePower(base, value.numerator, effort) : root(base, value, effort);
}

function wholePower(base: Fraction, exponent: bigint, effort: Effort): Fraction {
  const term = base.under === ONE ? onlyTerm(base.over) : null;
  if (term !== null) return polynomial(termPower(term, exponent, effort));
  if (exponent < 0n) return wholePower(inverse(base, effort), -exponent, effort);
  if (base.over.size === 0) {
    // 0⁰ has no value that all agree on.
    if (exponent === 0n) throw new TooLarge();
    return base;
  }
  if (exponent > MAX_SUM_POWER) throw new TooLarge();
  let result = polynomial(ONE);
  for (let n = 0n; n < exponent; n++) result = product(result, base, effort);
  return result;
}

/** base^exponent for a fraction that is no whole number. */
function root(base: Fraction, exponent: Rational, effort: Effort): Fraction {
  const term = base.under === ONE ? onlyTerm(base.over) : null;
  if (base.over.size === 0 && exponent.numerator > 0n) return base;
  if (term === null) return opaquePower(base, exponent);
  const { coefficient, powers } = term;
  let outer = polynomial(positiveRoot(absoluteRational(coefficient), exponent, effort));
  let inner: Polynomial = ONE;
  if (coefficient.numerator < 0n) {
    if (powers.length === 0 && exponent.denominator % 2n === 1n) {
      outer = exponent.numerator % 2n === 0n ? outer : product(outer, polynomial(constant(rational(-1n))), effort);
    } else if (powers.length === 0 && exponent.denominator === 2n) {
      outer = product(
        outer,
        polynomial(termPower(onlyTerm(atomPower("i", rational(1n)))!, exponent.numerator, effort)),
        effort,
      );
    } else inner = constant(rational(-1n));
  }
  for (const { atom, exponent: own } of powers) {
    // Positive numbers, and a variable by itself, may leave the root; x² may not: √(x²) is |x|.
    const positive = /^\d+$/.test(atom) || atom === "pi" || atom === "e";
    const alone = powers.length === 1 && coefficient.numerator > 0n && compare(own, rational(1n)) === 0 && atom !== "i";
    if (positive || alone) {
      outer = product(outer, polynomial(atomPower(atom, multiply(own, exponent))), effort);
    } else inner = multiplyPolynomials(inner, atomPower(atom, own), effort);
  }
  return rationalValue(inner)?.numerator === 1n
    ? outer
    : product(outer, opaquePower(polynomial(inner), exponent), effort);
}

/** Π p^(k·exponent) over the prime factors p^k of a positive number. */
function positiveRoot(of: Rational, exponent: Rational, effort: Effort): Polynomial {
  let result: Polynomial = ONE;
  for (const [number, sign] of [
    [of.numerator, 1n],
    [of.denominator, -1n],
  ]) {
    for (const [prime, count] of primeFactors(number, effort)) {
      const own = multiply(exponent, rational(sign * count));
      const units = floor(own);
      const whole = constant(rationalPower(rational(prime), units));
      const rest = add(own, rational(-units));
      result = multiplyPolynomials(result, multiplyPolynomials(whole, atomPower(`${prime}`, rest), effort), effort);
    }
  }
  return result;
}

function primeFactors(number: bigint, effort: Effort): [bigint, bigint][] {
  if (number > MAX_FACTORED) throw new TooLarge();
  const factors: [bigint, bigint][] = [];
  let rest = Number(number);
  for (let divisor = 2; divisor * divisor <= rest; divisor++) {
    if (divisor % 4096 === 0) effort.spend(16);
    let count = 0n;
    for (; rest % divisor === 0; rest /= divisor) count++;
    if (count > 0n) factors.push([BigInt(divisor), count]);
  }
  if (rest > 1) factors.push([BigInt(rest), 1n]);
  return factors;
}

/** base^(c + t₁ + t₂ + …) = base^c · base^t₁ · …, with a prime, variable or e as base of each atom. */
function variablePower(base: Fraction, exponent: Fraction, effort: Effort): Fraction {
  const term = base.under === ONE ? onlyTerm(base.over) : null;
  if (term === null || exponent.under !== ONE) return opaque("power", [base, exponent]);
  let result = polynomial(ONE);
  for (const part of exponent.over.values()) {
    if (part.powers.length === 0) {
      result = product(result, power(base, polynomial(constant(part.coefficient)), effort), effort);
      continue;
    }
    const atoms = exponentialBases(term, effort);
    // With i, π or a root in the exponent the powers obey relations: e^(iπ) = −1.
    const independent = part.powers.every(
      ({ atom }) => /^[a-zA-Z]/.test(atom) && atom !== "i" && atom !== "pi" && atom !== "e",
    );
    if (atoms === null || !independent) return opaque("power", [base, exponent]);
    const key = powersKey(part.powers);
    for (const [atom, count] of atoms) {
      const own = multiply(part.coefficient, rational(count));
      result = product(result, polynomial(atomPower(`${atom}^(${key})`, own)), effort);
    }
  }
  return result;
}

/** What a power of a term is made of; null where its parts obey relations, as −1 does. */
function exponentialBases({ coefficient, powers }: Term, effort: Effort): [string, bigint][] | null {
  if (coefficient.numerator <= 0n || powers.length > 1) return null;
  if (powers.length === 1) {
    const [{ atom, exponent }] = powers;
    const plain = /^[a-zA-Z]/.test(atom) && atom !== "i" && exponent.numerator === 1n && exponent.denominator === 1n;
    return plain && coefficient.numerator === 1n && coefficient.denominator === 1n ? [[atom, 1n]] : null;
  }
  return [
    ...primeFactors(coefficient.numerator, effort).map(([prime, count]): [string, bigint] => [`b${prime}`, count]),
    ...primeFactors(coefficient.denominator, effort).map(([prime, count]): [string, bigint] => [`b${prime}`, -count]),
  ];
}

function call(name: string, args: readonly Fraction[]): Fraction {
  const values = args.map(fractionValue);
  const value = values[0];
  const known = value === null || values.includes(null) ? null : rationalCall(name, values as Rational[]);
  return known === null ? opaque(name, args) : polynomial(constant(known));
}

/** The functions whose values at rational numbers are rational. */
function rationalCall(name: string, [x, y]: Rational[]): Rational | null {
  switch (name) {
    case "abs":
      return absoluteRational(x);
    case "floor":
      return rational(floor(x));
    case "ceil":
      return rational(-floor(negate(x)));
    case "factorial": {
      if (x.denominator !== 1n || x.numerator < 0n) return null;
      if (x.numerator > MAX_FACTORIAL) throw new TooLarge();
      return rational(falling(x.numerator, x.numerator));
    }
    case "binom": {
      if (x.denominator !== 1n || y.denominator !== 1n || x.numerator < 0n) return null;
      if (y.numerator < 0n || y.numerator > x.numerator) return rational(0n);
      const chosen = 2n * y.numerator > x.numerator ? x.numerator - y.numerator : y.numerator;
      if (chosen > 500n || x.numerator > 10n ** 9n) throw new TooLarge();
      return rational(falling(x.numerator, chosen), falling(chosen, chosen));
    }
    default:
      return null;
  }
}

/** n · (n − 1) · …, `count` factors. */
function falling(n: bigint, count: bigint): bigint {
  let product = 1n;
  for (let factor = n; factor > n - count; factor--) product *= factor;
  return product;
}

function opaquePower(base: Fraction, exponent: Rational): Fraction {
  return opaque("power", [base, polynomial(constant(exponent))]);
}

function opaque(name: string, args: readonly Fraction[]): Fraction {
  const keys = args.map(({ over, under }) => `${polynomialKey(over)}:${polynomialKey(under)}`);
  return polynomial(atomPower(`?${name}(${keys.join(",")})`, rational(1n)));
}

function absoluteRational(of: Rational): Rational {
  return { numerator: absolute(of.numerator), denominator: of.denominator };
}
