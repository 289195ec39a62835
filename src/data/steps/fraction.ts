import { evaluateBinary, type Operator } from "../expression.ts";
import { absolute, divide, formatRational, lcm, type Rational, rational } from "../rational.ts";
import { binaryText } from "./notation.ts";
import { productSteps } from "./product.ts";
import { commonDenominatorSteps, reductionSteps, remainderSteps } from "./quotient.ts";
import { sumSteps } from "./sum.ts";

/** Brings two fractions to one denominator, appending the steps; returns the numerators over it. */
function scaleToCommon(steps: string[], a: Rational, b: Rational): { a: bigint; b: bigint; common: bigint } {
  const common = lcm(a.denominator, b.denominator);
  if (a.denominator !== b.denominator && a.denominator > 1n && b.denominator > 1n) {
    commonDenominatorSteps(steps, a.denominator, b.denominator);
  }
  const [scaledA, scaledB] = [a, b].map(({ numerator, denominator }) => {
    const factor = common / denominator;
    if (factor > 1n) productSteps(steps, `${numerator}*${factor}`, numerator, factor);
    return numerator * factor;
  });
  return { a: scaledA, b: scaledB, common };
}

/**
 * Appends the steps of a + b, a − b or a % b where one at least is a fraction: common denominator, scaled numerators,
 * their operation, reduction. `1/3+1/4`, `lcm(3,4)=12`, `12/3=4`, `12/4=3`, `1*4=4`, `1*3=3`, `=(4+3)/12`, `4+3=7`,
 * `12=1*7+5`, …, `gcd(7,12)=1`, `=7/12`.
 *
 * @param lead text that ends in the operation as written
 */
function overCommonDenominator(
  steps: string[],
  lead: string,
  a: Rational,
  operator: "+" | "-" | "%",
  b: Rational,
): void {
  steps.push(lead);
  const scaled = scaleToCommon(steps, a, b);
  const numerators = binaryText(rational(scaled.a), operator, rational(scaled.b));
  steps.push(`=(${numerators})/${scaled.common}`);
  if (operator === "%") remainderSteps(steps, numerators, scaled.a, scaled.b);
  else sumSteps(steps, numerators, scaled.a, operator, scaled.b);
  const total = evaluateBinary(operator, rational(scaled.a), rational(scaled.b)).numerator;
  reductionSteps(steps, absolute(total), scaled.common);
  steps.push(`=${formatRational(rational(total, scaled.common))}`);
}

/** Appends the product of magnitudes where neither is 1. */
function magnitudeProduct(steps: string[], x: bigint, y: bigint): bigint {
  if (x > 1n && y > 1n) productSteps(steps, `${x}*${y}`, x, y);
  return x * y;
}

/** Appends the product of two fractions that stands announced: numerators, denominators, reduction, result. */
function closeProduct(steps: string[], a: Rational, b: Rational): void {
  const value = evaluateBinary("*", a, b);
  if (value.numerator !== 0n) {
    const numerator = magnitudeProduct(steps, absolute(a.numerator), absolute(b.numerator));
    const denominator = magnitudeProduct(steps, a.denominator, b.denominator);
    reductionSteps(steps, numerator, denominator);
  }
  steps.push(`=${formatRational(value)}`);
}

/**
 * Appends the steps of a binary operation of which one operand at least is a fraction. Products multiply numerators and
 * denominators and reduce; a quotient is first rewritten as a product, `1/3/(2/5)`, `=1/3*(5/2)`.
 *
 * @param lead text that ends in the operation as written
 */
export function fractionSteps(steps: string[], lead: string, a: Rational, operator: Operator, b: Rational): void {
  if (operator === "*") {
    steps.push(lead);
    closeProduct(steps, a, b);
  } else if (operator === "/") {
    const inverse = divide(rational(1n), b);
    steps.push(lead, `=${binaryText(a, "*", inverse)}`);
    closeProduct(steps, a, inverse);
  } else {
    overCommonDenominator(steps, lead, a, operator, b);
  }
}

/**
 * Appends the steps of max or min where one argument at least is a fraction: both over one denominator, then compared.
 * `max(1/3,1/4)`, `lcm(3,4)=12`, …, `=max(4,3)/12`, `=1/3`.
 */
export function extremeOfFractionsSteps(
  steps: string[],
  name: "max" | "min",
  a: Rational,
  b: Rational,
  value: Rational,
): void {
  steps.push(`${name}(${formatRational(a)},${formatRational(b)})`);
  const scaled = scaleToCommon(steps, a, b);
  steps.push(`=${name}(${scaled.a},${scaled.b})/${scaled.common}`, `=${formatRational(value)}`);
}
