import { uniformAt } from "../../base/rng.ts";
import { multiply, type Rational, rational } from "../../data/rational.ts";
import { type Expression, symbolsOf } from "./expression.ts";
import { normalForm, sameFraction } from "./normal-form.ts";
import { mayEqual, type Place, valueAt } from "./numeric-value.ts";
import {
  addPolynomials,
  atomPower,
  Effort,
  hasOpaqueAtoms,
  multiplyPolynomials,
  type Polynomial,
  type Power,
  powersKey,
  scale,
  type Term,
  TooLarge,
} from "./polynomial.ts";

/** Two expressions are one if they agree at as many points as this, where both are defined, and differ at none. */
const ENOUGH_POINTS = 4;

/**
 * Whether two expressions have the same value, as functions of their variables. Decided exactly where their normal forms are
 * made of rational numbers, roots of them, π, e, i and powers of variables; otherwise by their values at fixed points: of both
 * signs, positive, and whole (for factorials and powers of −1). Points where one of them is undefined do not count, so
 * removable singularities do not matter.
 *
 * @param effort what is left of the exact arithmetic; without any, values at points decide
 * @returns null when that does not tell: too large to compute, or undefined nearly everywhere
 */
export function sameExpression(a: Expression, b: Expression, effort = new Effort()): boolean | null {
  const [endA, endB] = [infinityOf(a), infinityOf(b)];
  if (endA !== 0 || endB !== 0) return endA === endB;
  return (
    exactly(() => {
      return sameFraction(normalForm(a, effort), normalForm(b, effort), effort);
    }) ?? agree(places([a, b]), (place) => mayEqual(valueAt(a, place), valueAt(b, place)))
  );
}

/** The value of a real constant in double precision; null for anything else. ±∞ for `\infty` and `-\infty`. */
export function realOf(expression: Expression): number | null {
  const infinity = infinityOf(expression);
  if (infinity !== 0) return infinity * Number.POSITIVE_INFINITY;
  if (symbolsOf(expression).variables.size > 0) return null;
  const { re, im } = valueAt(expression, { point: new Map(), field: "real" });
  return Number.isNaN(re) || im !== 0 ? null : re;
}

/** 1 for `\infty`, −1 for `-\infty`, 0 for anything else. */
function infinityOf(expression: Expression): -1 | 0 | 1 {
  if (expression.kind === "symbol") return expression.name === "infty" ? 1 : 0;
  if (expression.kind === "sum" && expression.terms.length === 1) return infinityOf(expression.terms[0]);
  if (expression.kind !== "product" || expression.factors.length !== 2) return 0;
  const [sign, size] = expression.factors;
  if (infinityOf(size) !== 1 || sign.kind !== "number" || sign.value.numerator === 0n) return 0;
  return sign.value.numerator < 0n ? -1 : 1;
}

/**
 * Whether a = c · b for a constant c other than 0, as the two sides' differences of equations that have the same solutions
 * are; factors that variables stand under are cleared first.
 *
 * @returns the sign of c (1 when c is not real), 0 when there is none, null when that cannot be told
 */
export function constantRatio(a: Expression, b: Expression, effort = new Effort()): -1 | 0 | 1 | null {
  const exact = exactly(() => {
    const left = cleared(normalForm(a, effort).over, effort);
    const right = cleared(normalForm(b, effort).over, effort);
    if (hasOpaqueAtoms(left) || hasOpaqueAtoms(right)) return null;
    const [first] = left.values();
    if (first === undefined || right.size === 0) return left.size === right.size ? 1 : 0;
    const lead = [...left.values()].find((term) => variablePowers(term).length > 0) ?? first;
    const key = powersKey(variablePowers(lead));
    const [ofLeft, ofRight] = [coefficientOf(left, key), coefficientOf(right, key)];
    if (ofRight.size === 0) return 0;
    const difference = addPolynomials(
      multiplyPolynomials(left, ofRight, effort),
      scale(multiplyPolynomials(right, ofLeft, effort), rational(-1n)),
    );
    return difference.size === 0 ? (signOf(ofLeft) === signOf(ofRight) ? 1 : -1) : 0;
  });
  if (exact !== null) return exact;
  return ratioAtPoints(a, b);
}

/** Multiplied by the powers of variables that stand in denominators. */
function cleared(of: Polynomial, effort: Effort): Polynomial {
  const lowest = new Map<string, Rational>();
  for (const term of of.values()) {
    for (const { atom, exponent } of variablePowers(term)) {
      const before = lowest.get(atom);
      if (exponent.numerator < 0n && (before === undefined || isLess(exponent, before))) lowest.set(atom, exponent);
    }
  }
  let result = of;
  for (const [atom, exponent] of lowest) {
    result = multiplyPolynomials(result, atomPower(atom, multiply(exponent, rational(-1n))), effort);
  }
  return result;
}

function isLess(a: Rational, b: Rational): boolean {
  return a.numerator * b.denominator < b.numerator * a.denominator;
}

function coefficientOf(of: Polynomial, key: string): Polynomial {
  const terms = [...of.values()].filter((term) => powersKey(variablePowers(term)) === key);
  return new Map(
    terms.map(({ coefficient, powers }) => {
      const constants = powers.filter(({ atom }) => isConstantAtom(atom));
      return [powersKey(constants), { coefficient, powers: constants }];
    }),
  );
}

function variablePowers({ powers }: Term): Power[] {
  return powers.filter(({ atom }) => !isConstantAtom(atom));
}

function isConstantAtom(atom: string): boolean {
  return /^\d+$/.test(atom) || atom === "i" || atom === "pi" || atom === "e";
}

/** Of a constant made of numbers, roots, π and e. */
function signOf(of: Polynomial): number {
  let value = 0;
  for (const { coefficient, powers } of of.values()) {
    let term = Number(coefficient.numerator) / Number(coefficient.denominator);
    for (const { atom, exponent } of powers) {
      const base = atom === "pi" ? Math.PI : atom === "e" ? Math.E : atom === "i" ? 1 : Number(atom);
      term *= base ** (Number(exponent.numerator) / Number(exponent.denominator));
    }
    value += term;
  }
  return Math.sign(value);
}

function ratioAtPoints(a: Expression, b: Expression): -1 | 0 | 1 | null {
  const all = places([a, b]);
  const anchor = all.find((place) => {
    const [left, right] = [valueAt(a, place), valueAt(b, place)];
    return Math.abs(left.re) > 1e-3 && Math.abs(right.re) > 1e-3;
  });
  if (anchor === undefined) return null;
  const [atA, atB] = [valueAt(a, anchor), valueAt(b, anchor)];
  // a(p) · b(anchor) = b(p) · a(anchor) at every point p.
  const same = agree(all, (place) => {
    const [left, right] = [valueAt(a, place), valueAt(b, place)];
    if (Number.isNaN(left.re) || Number.isNaN(right.re)) return null;
    const [x, y] = [left.re * atB.re, right.re * atA.re];
    return Math.abs(x - y) <= 1e-11 * (Math.abs(x) + Math.abs(y));
  });
  return same === null ? null : same ? (Math.sign(atA.re * atB.re) as -1 | 1) : 0;
}

function exactly<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch (error) {
    if (error instanceof TooLarge) return null;
    throw error;
  }
}

/** True when there are enough points and no difference; `test` gives null where a point says nothing. */
function agree(all: readonly Place[], test: (place: Place) => boolean | null): boolean | null {
  let same = 0;
  for (const place of all) {
    const verdict = test(place);
    if (verdict === false) return false;
    if (verdict === true) same++;
  }
  return same >= Math.min(ENOUGH_POINTS, all.length) ? true : null;
}

/** Fixed points to evaluate expressions at: one where they have no variables. */
function places(of: readonly Expression[]): Place[] {
  const symbols = of.map(symbolsOf);
  const variables = [...new Set(symbols.flatMap((each) => [...each.variables]))].sort();
  const field = symbols.some((each) => each.imaginary) ? "complex" : "real";
  if (variables.length === 0) return [{ point: new Map(), field }];
  const point = (draw: (uniform: number) => number, nth: number): Place => ({
    point: new Map(variables.map((name, index) => [name, draw(uniformAt(5, nth, index))])),
    field,
  });
  return [
    ...Array.from({ length: 8 }, (_, nth) => point((u) => 0.3 + 2.7 * u, nth)),
    ...Array.from({ length: 8 }, (_, nth) => point((u) => 6 * u - 3, 100 + nth)),
    ...Array.from({ length: 8 }, (_, nth) => point((u) => nth + 1 + Math.floor(2 * u), 200 + nth)),
  ];
}
