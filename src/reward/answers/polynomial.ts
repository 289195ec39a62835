import {
  absolute,
  add as addRationals,
  floor,
  multiply as multiplyRationals,
  type Rational,
  rational,
  subtract,
} from "../../data/rational.ts";

/** A power of an atom: a variable, a prime number under a root, `i`, `pi`, `e`, or (name begins with `?`) anything else. */
export interface Power {
  readonly atom: string;
  readonly exponent: Rational;
}

/** coefficient · Π atom^exponent; the powers are sorted by atom. */
export interface Term {
  readonly coefficient: Rational;
  readonly powers: readonly Power[];
}

/**
 * A sum of terms by the key of their powers. Exponents of primes lie in [0, 1), that of `i` is 0 or 1. Roots of different
 * products of primes are linearly independent over the rationals, and so are they times powers of `pi`, of variables and of
 * numbers to variable powers: but for atoms with `?` two polynomials have one value only if they have the same terms.
 */
export type Polynomial = ReadonlyMap<string, Term>;

/** Thrown when an expression would take more arithmetic than an answer is worth. */
export class TooLarge extends Error {}

/** How much arithmetic may still be done, in products of terms: some microseconds each. */
export class Effort {
  private left: number;

  constructor(products = 10_000) {
    this.left = products;
  }

  /** @throws TooLarge when nothing is left */
  spend(products: number): void {
    this.left -= products;
    if (this.left < 0) throw new TooLarge();
  }
}

/** Numbers of more bits are not computed. */
const MAX_BITS = 20_000;
const ZERO = rational(0n);
const ONE = rational(1n);

export function constant(value: Rational): Polynomial {
  return value.numerator === 0n ? new Map() : new Map([["", { coefficient: value, powers: [] }]]);
}

export function atomPower(atom: string, exponent: Rational): Polynomial {
  return collect([multiplyTerms({ coefficient: ONE, powers: [] }, { coefficient: ONE, powers: [{ atom, exponent }] })]);
}

export function addPolynomials(a: Polynomial, b: Polynomial): Polynomial {
  return collect([...a.values(), ...b.values()]);
}

export function multiplyPolynomials(a: Polynomial, b: Polynomial, effort: Effort): Polynomial {
  effort.spend(a.size * b.size);
  const products: Term[] = [];
  for (const left of a.values()) for (const right of b.values()) products.push(multiplyTerms(left, right));
  return collect(products);
}

export function scale(a: Polynomial, factor: Rational): Polynomial {
  return collect(
    [...a.values()].map(({ coefficient, powers }) => ({ coefficient: multiplyRationals(coefficient, factor), powers })),
  );
}

/** The one term of a polynomial of one term. */
export function onlyTerm(a: Polynomial): Term | null {
  if (a.size !== 1) return null;
  const [term] = a.values();
  return term;
}

/** The rational number that a polynomial is; null for any other. */
export function rationalValue(a: Polynomial): Rational | null {
  if (a.size === 0) return ZERO;
  const term = onlyTerm(a);
  return term !== null && term.powers.length === 0 ? term.coefficient : null;
}

/** term^exponent for a whole exponent. */
export function termPower(term: Term, exponent: bigint, effort: Effort): Polynomial {
  effort.spend(1 + term.powers.length);
  let result: Term = { coefficient: rationalPower(term.coefficient, exponent), powers: [] };
  for (const { atom, exponent: own } of term.powers) {
    const power = { atom, exponent: multiplyRationals(own, rational(exponent)) };
    result = multiplyTerms(result, { coefficient: ONE, powers: [power] });
  }
  return collect([result]);
}

/**
 * base^exponent.
 * @throws TooLarge for more than some thousand digits, and for a power of 0 below 0
 */
export function rationalPower(base: Rational, exponent: bigint): Rational {
  const positive = absolute(exponent);
  if (positive === 0n) return ONE;
  if (base.denominator === 1n && absolute(base.numerator) <= 1n) {
    if (base.numerator === 0n && exponent < 0n) throw new TooLarge();
    return positive % 2n === 0n ? multiplyRationals(base, base) : base;
  }
  const bits = Math.max(bitLength(base.numerator), bitLength(base.denominator));
  if (positive > BigInt(MAX_BITS) || bits * Number(positive) > 4 * MAX_BITS) throw new TooLarge();
  const over = base.numerator ** positive;
  const under = base.denominator ** positive;
  if (exponent > 0n) return { numerator: over, denominator: under };
  return over < 0n ? { numerator: -under, denominator: -over } : { numerator: under, denominator: over };
}

/** A text that two polynomials share only when they have the same terms. */
export function polynomialKey(a: Polynomial): string {
  return [...a]
    .map(([key, { coefficient }]) => `${coefficient.numerator}/${coefficient.denominator}${key}`)
    .sort()
    .join("+");
}

/** Whether atoms occur between which relations may hold that are unknown here. */
export function hasOpaqueAtoms(a: Polynomial): boolean {
  return [...a.values()].some(({ powers }) => powers.some(({ atom }) => atom.startsWith("?")));
}

export function powersKey(powers: readonly Power[]): string {
  return powers.map(({ atom, exponent }) => `·${atom}^${exponent.numerator}/${exponent.denominator}`).join("");
}

function multiplyTerms(a: Term, b: Term): Term {
  let coefficient = multiplyRationals(a.coefficient, b.coefficient);
  if (bitLength(coefficient.numerator) + bitLength(coefficient.denominator) > 3 * MAX_BITS) throw new TooLarge();
  const exponents = new Map<string, Rational>();
  for (const { atom, exponent } of [...a.powers, ...b.powers]) {
    const before = exponents.get(atom);
    exponents.set(atom, before === undefined ? exponent : addRationals(before, exponent));
  }
  const powers: Power[] = [];
  for (const [atom, exponent] of exponents) {
    let rest = exponent;
    if (isPrime(atom)) {
      const units = floor(exponent);
      coefficient = multiplyRationals(coefficient, rationalPower(rational(BigInt(atom)), units));
      rest = subtract(exponent, rational(units));
    } else if (atom === "i" && exponent.denominator === 1n) {
      const turn = ((exponent.numerator % 4n) + 4n) % 4n;
      if (turn >= 2n) coefficient = multiplyRationals(coefficient, rational(-1n));
      rest = rational(turn % 2n);
    }
    if (rest.numerator !== 0n) powers.push({ atom, exponent: rest });
  }
  powers.sort((left, right) => (left.atom < right.atom ? -1 : 1));
  return { coefficient, powers };
}

/** Names of primes alone begin with a digit. */
function isPrime(atom: string): boolean {
  return atom.charCodeAt(0) <= 57 && atom.charCodeAt(0) >= 48;
}

function collect(terms: readonly Term[]): Polynomial {
  const sum = new Map<string, Term>();
  for (const term of terms) {
    const key = powersKey(term.powers);
    const before = sum.get(key);
    sum.set(
      key,
      before === undefined
        ? term
        : { coefficient: addRationals(before.coefficient, term.coefficient), powers: term.powers },
    );
  }
  for (const [key, { coefficient }] of sum) if (coefficient.numerator === 0n) sum.delete(key);
  return sum;
}

function bitLength(value: bigint): number {
  if (value < 1_000_000n && value > -1_000_000n) return 20;
  return absolute(value).toString(16).length * 4;
}
