import { hashText } from "../../base/rng.ts";
import type { Rational } from "../../data/rational.ts";
import type { Expression } from "./expression.ts";

/** A complex number in double precision with a bound on what rounding has done to it; NaN parts where it is undefined. */
export interface Approximate {
  readonly re: number;
  readonly im: number;
  /** |computed − true|, from the roundings so far carried through every operation to first order. */
  readonly error: number;
}

const EPSILON = 2 ** -52;
const UNDEFINED: Approximate = { re: Number.NaN, im: Number.NaN, error: 0 };

const REAL_FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  cot: (x) => 1 / Math.tan(x),
  sec: (x) => 1 / Math.cos(x),
  csc: (x) => 1 / Math.sin(x),
  arcsin: Math.asin,
  arccos: Math.acos,
  arctan: Math.atan,
  arccot: (x) => Math.PI / 2 - Math.atan(x),
  arcsec: (x) => Math.acos(1 / x),
  arccsc: (x) => Math.asin(1 / x),
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  ln: Math.log,
  log: Math.log10,
  exp: Math.exp,
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Where and how expressions are evaluated. */
export interface Place {
  /** Values of the variables; whatever holds another variable is undefined. */
  readonly point: ReadonlyMap<string, number>;
  /**
   * With `real`, whatever has a part that is not real is undefined (√−1, ln −1), and odd roots of negative numbers are
   * negative; with `complex`, principal values.
   */
  readonly field: "real" | "complex";
}

/** The value of an expression at a place, undefined also where rounding leaves less than six digits of it. */
export function valueAt(of: Expression, place: Place): Approximate {
  const value = evaluate(of, place);
  const size = modulus(value);
  const known = Number.isFinite(size) && value.error <= 1e-6 * Math.max(size, Math.min(1, size + 1));
  return known ? value : UNDEFINED;
}

/** Whether two values may be one; null when one is undefined. The bounds are of first order: eight times them is room enough. */
export function mayEqual(a: Approximate, b: Approximate): boolean | null {
  if (Number.isNaN(a.re) || Number.isNaN(b.re)) return null;
  return Math.hypot(a.re - b.re, a.im - b.im) <= 8 * (a.error + b.error);
}

function evaluate(of: Expression, place: Place): Approximate {
  switch (of.kind) {
    case "number":
      return rounded(toDouble(of.value));
    case "symbol":
      return symbol(of.name, place);
    case "sum":
      return of.terms.map((term) => evaluate(term, place)).reduce(add);
    case "product":
      return of.factors.map((factor) => evaluate(factor, place)).reduce(multiply);
    case "quotient":
      return divide(evaluate(of.over, place), evaluate(of.under, place));
    case "power":
      return power(of, place);
    case "root":
      return root(evaluate(of.radicand, place), of.index, place);
    case "call":
      return call(
        of.name,
        of.args.map((arg) => evaluate(arg, place)),
        place,
      );
    case "either":
      return UNDEFINED;
  }
}

function symbol(name: string, { point, field }: Place): Approximate {
  if (name === "pi") return rounded(Math.PI);
  if (name === "e") return rounded(Math.E);
  if (name === "i") return field === "complex" ? { re: 0, im: 1, error: 0 } : UNDEFINED;
  return { re: point.get(name) ?? Number.NaN, im: 0, error: 0 };
}

function power(of: Expression & { kind: "power" }, place: Place): Approximate {
  const base = evaluate(of.base, place);
  const exponent = evaluate(of.exponent, place);
  const written = of.exponent;
  if (exponent.im === 0 && base.im === 0) {
    const raise = (size: number) =>
      monotone((x) => size ** x, exponent).error + monotone((x) => x ** exponent.re, base).error;
    if (base.re >= 0 || Number.isInteger(exponent.re)) return rounded(base.re ** exponent.re, raise(base.re));
    // x^(1/3) is the real cube root, as in the exact arithmetic.
    const odd =
      written.kind === "quotient" && written.under.kind === "number" && written.under.value.numerator % 2n === 1n;
    if (place.field === "real" && odd && written.over.kind === "number") {
      const sign = written.over.value.numerator % 2n === 0n ? 1 : -1;
      return rounded(sign * (-base.re) ** exponent.re, raise(-base.re));
    }
  }
  if (exponent.im === 0 && Number.isInteger(exponent.re) && Math.abs(exponent.re) <= 64) {
    let product = rounded(1);
    for (let n = 0; n < Math.abs(exponent.re); n++) product = multiply(product, base);
    return exponent.re < 0 ? divide(rounded(1), product) : product;
  }
  if (place.field === "real") return UNDEFINED;
  const size = modulus(base);
  const logarithm = { re: Math.log(size), im: Math.atan2(base.im, base.re), error: base.error / size + 4 * EPSILON };
  return exponential(multiply(exponent, logarithm));
}

function root(radicand: Approximate, index: number, { field }: Place): Approximate {
  if (radicand.im === 0 && (radicand.re >= 0 || (index % 2 === 1 && field === "real"))) {
    return monotone((x) => Math.sign(x) * Math.abs(x) ** (1 / index), radicand);
  }
  if (field === "real") return UNDEFINED;
  const size = modulus(radicand);
  const angle = Math.atan2(radicand.im, radicand.re) / index;
  const length = size ** (1 / index);
  const error = (length * radicand.error) / (size * index) + 8 * EPSILON * length;
  return { re: length * Math.cos(angle), im: length * Math.sin(angle), error };
}

function call(name: string, args: readonly Approximate[], { field }: Place): Approximate {
  const [x, y] = args;
  if (name === "exp" && field === "complex") return exponential(x);
  if (name === "abs") return rounded(modulus(x), x.error);
  if (args.some(({ im }) => im !== 0)) return UNDEFINED;
  if (name === "log" && y !== undefined) return divide(monotone(Math.log, x), monotone(Math.log, y));
  const error = Math.max(...args.map((arg) => arg.error));
  if (name === "max") return rounded(Math.max(...args.map(({ re }) => re)), error);
  if (name === "min") return rounded(Math.min(...args.map(({ re }) => re)), error);
  if (name === "factorial") return factorial(x.re);
  if (name === "binom" && y !== undefined) {
    return divide(factorial(x.re), multiply(factorial(y.re), factorial(x.re - y.re)));
  }
  if (/^[a-zA-Z](?![a-z])/.test(name)) return unnamed(name, args);
  return args.length === 1 && Object.hasOwn(REAL_FUNCTIONS, name) ? monotone(REAL_FUNCTIONS[name], x) : UNDEFINED;
}

/** `f(x)` of an f that nothing is known of: some fixed smooth function of its own, so that only identities in f hold. */
function unnamed(name: string, args: readonly Approximate[]): Approximate {
  const phase = rounded(hashText(name) / 2 ** 30);
  const mixed = args.reduce((sum, arg, nth) => add(sum, multiply(rounded(0.7 + nth), arg)), phase);
  return monotone((x) => 2 + Math.sin(x), mixed);
}

/** Of whole numbers only. */
function factorial(n: number): Approximate {
  if (!Number.isInteger(n) || n < 0 || n > 170) return UNDEFINED;
  let product = 1;
  for (let factor = 2; factor <= n; factor++) product *= factor;
  return rounded(product, product * n * EPSILON);
}

/** f(x) with what its change over the error of x adds to the rounding of the result. */
function monotone(f: (x: number) => number, x: Approximate): Approximate {
  const value = f(x.re);
  const change = x.error === 0 ? 0 : Math.max(distance(f(x.re + x.error), value), distance(f(x.re - x.error), value));
  return rounded(value, change + EPSILON * Math.abs(value));
}

/** |a − b|; nothing where the neighbour lies outside of a function's domain, as of √ at 0. */
function distance(a: number, b: number): number {
  return Number.isNaN(a) ? 0 : Math.abs(a - b);
}

function rounded(re: number, error = 0): Approximate {
  return { re, im: 0, error: error + (Number.isInteger(re) && Math.abs(re) < 2 ** 53 ? 0 : EPSILON * Math.abs(re)) };
}

function add(a: Approximate, b: Approximate): Approximate {
  const [re, im] = [a.re + b.re, a.im + b.im];
  return { re, im, error: a.error + b.error + EPSILON * Math.hypot(re, im) };
}

function multiply(a: Approximate, b: Approximate): Approximate {
  const error = modulus(a) * b.error + modulus(b) * a.error + a.error * b.error + 4 * EPSILON * modulus(a) * modulus(b);
  if (a.im === 0 && b.im === 0) return { re: a.re * b.re, im: 0, error };
  return { re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re, error };
}

function divide(a: Approximate, b: Approximate): Approximate {
  const size = modulus(b);
  // A denominator that may be 0 leaves nothing known.
  if (size <= b.error) return UNDEFINED;
  const error = (a.error + (modulus(a) * b.error) / size) / (size - b.error) + (8 * EPSILON * modulus(a)) / size;
  if (a.im === 0 && b.im === 0) return { re: a.re / b.re, im: 0, error };
  const square = size * size;
  return { re: (a.re * b.re + a.im * b.im) / square, im: (a.im * b.re - a.re * b.im) / square, error };
}

function exponential(a: Approximate): Approximate {
  const size = Math.exp(a.re);
  const error = size * (a.error + 8 * EPSILON * (1 + Math.abs(a.im)));
  return a.im === 0 ? { re: size, im: 0, error } : { re: size * Math.cos(a.im), im: size * Math.sin(a.im), error };
}

function modulus(a: Approximate): number {
  return a.im === 0 ? Math.abs(a.re) : Math.hypot(a.re, a.im);
}

/** The nearest double, also of fractions whose parts are beyond its range. */
function toDouble({ numerator, denominator }: Rational): number {
  const direct = Number(numerator) / Number(denominator);
  if (Number.isFinite(direct)) return direct;
  const shift = BigInt(Math.max(0, Math.max(`${numerator}`.length, `${denominator}`.length) - 300));
  return Number(numerator / 10n ** shift) / Number(denominator / 10n ** shift);
}
