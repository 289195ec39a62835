import { absolute, formatRational, gcd, lcm, rational } from "../rational.ts";
import { isDigit } from "./notation.ts";
import { productSteps } from "./product.ts";
import { sumSteps } from "./sum.ts";

/**
 * Long division of n by d, both positive, n ≥ d: one line a digit of the quotient, `dividend=digit*d+rest`, the rest
 * taken down into the next dividend and left out where it is 0. 847 by 3: `8=2*3+2`, `24=8*3`, `7=2*3+1`.
 */
function longDivisionLines(n: bigint, d: bigint): string[] {
  const lines: string[] = [];
  let dividend = 0n;
  for (const digit of n.toString()) {
    dividend = dividend * 10n + BigInt(digit);
    if (dividend < d && lines.length === 0) continue;
    const rest = dividend % d;
    lines.push(`${dividend}=${dividend / d}*${d}${rest === 0n ? "" : `+${rest}`}`);
    dividend = rest;
  }
  return lines;
}

/** Euclid's algorithm on positive numbers, each remainder by long division, until the remainder is 0 or 1. */
function euclidLines(n: bigint, d: bigint): string[] {
  const lines: string[] = [];
  let [larger, smaller] = n > d ? [n, d] : [d, n];
  while (smaller > 1n) {
    lines.push(...longDivisionLines(larger, smaller));
    [larger, smaller] = [smaller, larger % smaller];
  }
  return lines;
}

/** Appends n / d where it is known to be whole: `84/12=7`, or announced and divided: `846/2`, `8=4*2`, …, `=423`. */
function wholeQuotientSteps(steps: string[], n: bigint, d: bigint): void {
  const quotient = n / d;
  if (isDigit(quotient) || d === 1n) steps.push(`${n}/${d}=${quotient}`);
  else steps.push(`${n}/${d}`, ...longDivisionLines(n, d), `=${quotient}`);
}

/**
 * Appends what brings n/d, both positive, to lowest terms: the greatest common divisor (a fact for two digits, else by
 * Euclid) and, where it is above 1, both quotients by it. Dividing evenly ends with Euclid's first line.
 */
export function reductionSteps(steps: string[], n: bigint, d: bigint): void {
  if (n === 0n || d === 1n) return;
  const divisor = gcd(n, d);
  if (isDigit(n) && isDigit(d)) {
    steps.push(`gcd(${n},${d})=${divisor}`);
    return;
  }
  steps.push(...euclidLines(n, d));
  if (divisor === d) return;
  steps.push(`gcd(${n},${d})=${divisor}`);
  if (divisor === 1n) return;
  wholeQuotientSteps(steps, n, divisor);
  wholeQuotientSteps(steps, d, divisor);
}

/**
 * Appends the steps of a / b for whole numbers, b ≠ 0: `84/36`, `84=2*36+12`, `36=3*12`, `gcd(84,36)=12`, `84/12=7`,
 * `36/12=3`, `=7/3`. An even division of digits is a fact. Magnitudes are reduced; the sign is set at the close.
 *
 * @param lead text that ends in `a/b` as written
 */
export function quotientSteps(steps: string[], lead: string, a: bigint, b: bigint): void {
  const [x, y] = [absolute(a), absolute(b)];
  const value = formatRational(rational(a, b));
  if (x === 0n || y === 1n || (isDigit(x) && isDigit(y) && x % y === 0n)) {
    steps.push(`${lead}=${value}`);
    return;
  }
  steps.push(lead);
  reductionSteps(steps, x, y);
  steps.push(`=${value}`);
}

/** Appends the lines of x mod y for x ≥ 0, y > 0, or nothing where x < y or both are digits and it is a fact. */
function remainderLines(x: bigint, y: bigint): string[] {
  return x < y || (isDigit(x) && isDigit(y)) ? [] : longDivisionLines(x, y);
}

/**
 * Appends the steps of a mod b (floored: the result has b's sign) for whole numbers, b ≠ 0. `17%5`, `17=3*5+2`, `=2`;
 * where the signs differ the rest is counted from the other side: `-17%5`, `17=3*5+2`, `=5-2=3`.
 *
 * @param lead text that ends in `a%b` as written
 */
export function remainderSteps(steps: string[], lead: string, a: bigint, b: bigint): void {
  const [x, y] = [absolute(a), absolute(b)];
  const rest = x % y;
  const lines = remainderLines(x, y);
  if (x === 0n || (a > 0n && b > 0n && lines.length === 0)) {
    steps.push(`${lead}=${rest}`);
    return;
  }
  steps.push(lead, ...(lines.length === 0 ? [`${x}%${y}=${rest}`] : lines));
  if (rest === 0n || a > 0n === b > 0n) steps.push(`=${b > 0n ? rest : -rest}`);
  else if (b > 0n) sumSteps(steps, `=${y}-${rest}`, y, "-", rest);
  else sumSteps(steps, `=${rest}-${y}`, rest, "-", y);
}

/**
 * Appends the least common multiple of two denominators above 1 that differ, and the factor each is scaled by:
 * `lcm(4,6)=12`, `12/4=3`, `12/6=2`. Longer ones go through the divisor: `gcd(12,18)=6`, `18/6=3`,
 * `lcm(12,18)=12*3=30+6=36`.
 */
export function commonDenominatorSteps(steps: string[], d: bigint, e: bigint): void {
  const common = lcm(d, e);
  if ((isDigit(d) && isDigit(e)) || common === d || common === e) {
    steps.push(`lcm(${d},${e})=${common}`);
  } else {
    steps.push(...euclidLines(d, e));
    const divisor = gcd(d, e);
    steps.push(`gcd(${d},${e})=${divisor}`);
    if (divisor > 1n) wholeQuotientSteps(steps, e, divisor);
    productSteps(steps, `lcm(${d},${e})=${d}*${e / divisor}`, d, e / divisor);
  }
  for (const denominator of [d, e]) if (denominator !== common) wholeQuotientSteps(steps, common, denominator);
}
