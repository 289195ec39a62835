import { formatRational, type Rational } from "../rational.ts";

/** `big` writes the most significant digit first, `little` the least. */
export type DigitOrder = "big" | "little";

/** What stands between two worked steps; no step contains it. */
export const STEP_SEPARATOR = ", ";

/**
 * Turns text with the most significant digit first into the given order, and back: every run of digits is reversed
 * under `little`.
 */
export function orderDigits(text: string, order: DigitOrder): string {
  return order === "big" ? text : text.replace(/\d{2,}/g, (digits) => [...digits].reverse().join(""));
}

/** Whether one digit is enough for a number that is not negative: such operands are facts, not columns. */
export function isDigit(magnitude: bigint): boolean {
  return magnitude < 10n;
}

/** The digits of a number that is not negative, least significant first. */
export function digitsFromLeast(magnitude: bigint): number[] {
  return [...magnitude.toString()].reverse().map(Number);
}

/** `value` as the right operand of `operator`: a sign is bracketed, and a fraction too where `/` would bind wrongly. */
function rightOperand(operator: string, value: Rational): string {
  const text = formatRational(value);
  const sum = operator === "+" || operator === "-";
  return value.numerator < 0n || (!sum && value.denominator !== 1n) ? `(${text})` : text;
}

/** `left operator right`, as printed in steps: `3-(-5)`, `1/3*(1/4)`. */
export function binaryText(left: Rational, operator: string, right: Rational): string {
  return `${formatRational(left)}${operator}${rightOperand(operator, right)}`;
}
