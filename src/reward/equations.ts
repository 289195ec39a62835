import { evaluate } from "../data/expression.ts";
import { parseExpression } from "../data/parse-expression.ts";
import { absolute, compare, formatRational, type Rational, rational, subtract } from "../data/rational.ts";
import { readNumber } from "./number-text.ts";

/** How many equations a text writes out, how many of them hold, and what the last one sets out to calculate. */
export interface EquationCount {
  total: number;
  /** True ones. */
  correct: number;
  /** True ones of numbers that were there: in the question, each as often as it stands there, or as an earlier result. */
  grounded: number;
  /** The value of the last one's left side, whatever was written on its right; null where there are none. */
  last: Rational | null;
}

/** What of a text is looked at before and after an equals sign: so a hostile text costs little. */
const LOOKED_AT = 120;

/** The end of what stands before an equals sign: numbers, brackets and operators on one line. */
const LEFT = /[$(\d.](?:[\d \t.,()$+*/×÷−-]|x(?=[ \t]*[$(\d.]))*$/;
/** What before that end makes it a part of something longer: `5% * 100`, `15 inches * 2/3`. */
const CUT_OFF = /[-+*/×÷−%][ \t]*$/;
/** The number after it, unless that goes on: `1/6`, `3 - 1`, `5 and 2/3`, `1 1/2`. */
const RIGHT =
  /^\s*(-?)\$?((?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(\d+))?)(?![\d,]*\d|[ \t]*(?:[-+*/×÷−%]|x\b|and \d+\/|\d))/;

/**
 * Checks the equations that stand in a text, such as `8 - 3 = 5` or `48/2 = $24`: exactly, with a decimal on the right true
 * where it is the value rounded to its digits. GSM8K's notes `<<48/2=24>>` count as what they say. An equation without an
 * operator on its left, with one on its right, or one that cannot be read, does not count.
 *
 * @param question where numbers may be taken from
 */
export function countEquations(text: string, question: string): EquationCount {
  const given = numbersIn(question);
  const results: string[] = [];
  let total = 0;
  let correct = 0;
  let grounded = 0;
  let last: Rational | null = null;
  for (let at = text.indexOf("="); at >= 0; at = text.indexOf("=", at + 1)) {
    const before = text.slice(Math.max(0, at - LOOKED_AT), at).trimEnd();
    const left = LEFT.exec(before);
    const right = RIGHT.exec(text.slice(at + 1, at + LOOKED_AT));
    if (!left || !right || CUT_OFF.test(before.slice(0, left.index))) continue;
    // A comma before a space ends what was said before.
    const expression = left[0].split(/,\s/).at(-1)!;
    const value = exactValue(expression);
    const written = readNumber(right[1] + right[2]);
    if (!value || !written) continue;
    total++;
    last = value;
    const result = formatRational(written.value);
    if (isRounded(value, written.value, right[3]?.length ?? 0)) {
      correct++;
      if (isTakenFrom(numbersIn(expression), [...given, ...results])) grounded++;
    }
    results.push(result);
  }
  return { total, correct, grounded, last };
}

/** The numbers that stand in a text, without signs, in one spelling each. */
function numbersIn(text: string): string[] {
  const found = text.match(/(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+/g) ?? [];
  return found.flatMap((number) => {
    const read = readNumber(number);
    return read === null ? [] : [formatRational(read.value)];
  });
}

/** Whether each of `some` is in `all`, as often as it comes. */
function isTakenFrom(some: readonly string[], all: readonly string[]): boolean {
  const left = [...all];
  return some.every((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

/** The value of the left side; null for a number alone, a division by zero and what is no expression. */
function exactValue(left: string): Rational | null {
  const plain = left.replace(/[x×]/g, "*").replaceAll("÷", "/").replaceAll("−", "-").replace(/[$,]/g, "").trim();
  if (!/[\d)]\s*[-+*/]/.test(plain)) return null;
  // The parser knows whole numbers: 3.25 is 325/100.
  const exact = plain.replace(
    /(\d*)\.(\d+)/g,
    (_, whole, digits) => `(${whole}${digits}/1${"0".repeat(digits.length)})`,
  );
  try {
    return evaluate(parseExpression(exact));
  } catch {
    // Whatever the text was, it is no equation.
    return null;
  }
}

/** Whether `written`, with so many decimals, is `value` rounded. */
function isRounded(value: Rational, written: Rational, decimals: number): boolean {
  const gap = subtract(value, written);
  const half = decimals === 0 ? rational(0n) : rational(1n, 2n * 10n ** BigInt(decimals));
  return compare({ ...gap, numerator: absolute(gap.numerator) }, half) <= 0;
}
