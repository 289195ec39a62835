import { DataError } from "../../base/errors.ts";
import { type Expression, evaluate } from "../expression.ts";
import { parseExpression } from "../parse-expression.ts";
import { equals, formatRational, type Rational } from "../rational.ts";
import { columnsOf, looksLikeColumn, type OpenColumns, type Verdict } from "./check-columns.ts";
import { type DigitOrder, orderDigits, STEP_SEPARATOR } from "./notation.ts";

/** One step that does not hold. */
export interface StepError {
  /** From 0. */
  index: number;
  /** Most significant digit first. */
  step: string;
  reason: string;
}

/** How many of the worked steps hold. */
export interface StepCheck {
  total: number;
  correct: number;
  errors: StepError[];
}

/** Something announced whose value has not been given yet. */
interface Open {
  index: number;
  value: Rational;
  columns: OpenColumns | null;
}

/**
 * Whether every worked step is true. It reads the text alone and knows nothing of how steps are made:
 * - `A=B=…`: all sides have one value; where the last is not a number in lowest terms, it stays open;
 * - `A`: opens A;
 * - `=B`: B equals what was opened last; a number closes it;
 * - `7+8=15 carry 1`, `12-8=4 borrow 1`: the next column of the open sum, its digits, result and carry or borrow; a sum
 *   is continued only after all its columns;
 * - `84=2*36+12`: a division with 0 ≤ rest < divisor.
 * What is still open at the end counts as not true, as does text that cannot be read.
 *
 * @param text steps joined by `, `, e.g. what stands between `<scratchpad>` and `<answer>`
 */
export function checkSteps(text: string, order: DigitOrder): StepCheck {
  const steps = text === "" ? [] : orderDigits(text, order).split(STEP_SEPARATOR);
  const errors: StepError[] = [];
  const open: Open[] = [];
  steps.forEach((step, index) => {
    const reason = checkStep(step, index, open);
    if (reason !== null) errors.push({ index, step, reason });
  });
  const failed = new Set(errors.map((error) => error.index));
  for (const { index } of open) {
    if (failed.has(index)) continue;
    failed.add(index);
    errors.push({ index, step: steps[index], reason: "its value is never given" });
  }
  return { total: steps.length, correct: steps.length - failed.size, errors };
}

function checkStep(step: string, index: number, open: Open[]): Verdict {
  const last = open.at(-1);
  if (last?.columns != null && !last.columns.complete && !step.startsWith("=")) return last.columns.take(step);
  if (/ (carry|borrow) /.test(step) && looksLikeColumn(step)) return "no open sum owes this column";
  if (/^\d+=\d+\*/.test(step)) return checkDivisionLine(step);
  try {
    return step.startsWith("=") ? continueOpen(step.slice(1), open) : checkChain(step, index, open);
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
}

function continueOpen(sides: string, open: Open[]): Verdict {
  const last = open.at(-1);
  if (last === undefined) return "nothing is open that this could continue";
  const verdict = last.columns?.complete === false ? "the open sum still owes columns" : null;
  const chain = readChain(sides);
  if (isNumber(chain.final, chain.value)) open.pop();
  else last.columns = columnsOf(chain.expression);
  if (!chain.even || !equals(chain.value, last.value)) return "its sides differ from what is open";
  return verdict;
}

function checkChain(step: string, index: number, open: Open[]): Verdict {
  const chain = readChain(step);
  if (!chain.even) return "its sides differ";
  const announced = !step.includes("=");
  if (announced || !isNumber(chain.final, chain.value)) {
    open.push({ index, value: chain.value, columns: columnsOf(chain.expression) });
  }
  return null;
}

/** The last side of `A=B=…` and its value, and whether all sides have that value. */
function readChain(text: string): { expression: Expression; value: Rational; final: string; even: boolean } {
  const sides = text.split("=");
  const expressions = sides.map((side) => parseExpression(side, { stepFunctions: true }));
  const values = expressions.map(evaluate);
  const value = values[values.length - 1];
  return {
    expression: expressions[expressions.length - 1],
    value,
    final: sides[sides.length - 1],
    even: values.every((other) => equals(other, value)),
  };
}

/** Whether a side is written as a number in lowest terms. */
function isNumber(side: string, value: Rational): boolean {
  return side === formatRational(value);
}

function checkDivisionLine(step: string): Verdict {
  const match = /^(\d+)=(\d+)\*(\d+)(?:\+(\d+))?$/.exec(step);
  if (match === null) return "expected a line of division, dividend=quotient*divisor+rest";
  const [dividend, quotient, divisor, rest] = match.slice(1).map((digits) => BigInt(digits ?? "0"));
  if (dividend !== quotient * divisor + rest) return "its sides differ";
  return rest < divisor ? null : "the rest must be below the divisor";
}
