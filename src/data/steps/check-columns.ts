import type { Expression } from "../expression.ts";
import { digitsFromLeast } from "./notation.ts";

/** Why a step is not true, or null when it is. */
export type Verdict = string | null;

const COLUMN = /^(\d+(?:[+-]\d+){1,2})=(\d+)(?: (carry|borrow) 1)?$/;

/** Whether a step has the form of a column, with `carry 1` or `borrow 1` or without. */
export function looksLikeColumn(step: string): boolean {
  return COLUMN.test(step);
}

/**
 * The columns still owed by an open sum or difference of two numbers: which digits, and whether one is carried.
 * Columns are due from the least significant while both numbers have digits, or one has and one is carried.
 */
export class OpenColumns {
  private place = 0;
  private carried = false;

  constructor(
    private readonly operator: "+" | "-",
    private readonly x: readonly number[],
    private readonly y: readonly number[],
  ) {}

  /** Whether every column that is due has been shown. */
  get complete(): boolean {
    const [shorter, longer] = [this.x.length, this.y.length].sort((a, b) => a - b);
    return this.place >= (this.carried ? longer : shorter);
  }

  /** Checks the next column (digits, result and carry or borrow) and moves on. */
  take(step: string): Verdict {
    const match = COLUMN.exec(step);
    if (match === null) return "expected a column of the open sum";
    const [, left, result, mark] = match;
    const marked = mark !== undefined;
    if (marked && mark !== (this.operator === "+" ? "carry" : "borrow")) return `${mark} in the wrong operation`;
    const below = [...this.y.slice(this.place, this.place + 1), ...(this.carried ? [1] : [])];
    const verdict =
      this.operator === "+"
        ? this.checkSum(left, Number(result), below, marked)
        : this.checkDifference(left, Number(result), below, marked);
    this.place++;
    this.carried = marked;
    return verdict;
  }

  private checkSum(left: string, result: number, below: number[], marked: boolean): Verdict {
    const terms = [...this.x.slice(this.place, this.place + 1), ...below];
    if (left !== terms.join("+")) return `expected the digits ${terms.join("+")}`;
    if (result !== terms.reduce((sum, term) => sum + term, 0)) return "the column's sum is wrong";
    return marked === result > 9 ? null : "carry must stand exactly where the sum is above 9";
  }

  private checkDifference(left: string, result: number, below: number[], marked: boolean): Verdict {
    const top = (this.x[this.place] ?? 0) + (marked ? 10 : 0);
    const terms = [top, ...below];
    if (left !== terms.join("-")) return `expected the digits ${terms.join("-")}`;
    if (result !== below.reduce((rest, term) => rest - term, top)) return "the column's difference is wrong";
    return result >= 0 && result <= 9 ? null : "borrow must stand exactly where the difference is below 0";
  }
}

/**
 * The columns owed by an open expression: of x+y or x−y, bare, negated or first in a longer sum, where x and y are
 * numbers (x ≥ y under −) and one has two digits or more. Null where none are.
 */
export function columnsOf(expression: Expression): OpenColumns | null {
  let node = expression.kind === "negate" ? expression.operand : expression;
  if (node.kind !== "binary") return null;
  while (node.left.kind === "binary" && node.operator === "+") node = node.left;
  const { operator, left, right } = node;
  if ((operator !== "+" && operator !== "-") || left.kind !== "number" || right.kind !== "number") return null;
  if (left.value < 10n && right.value < 10n) return null;
  if (operator === "-" && left.value < right.value) return null;
  return new OpenColumns(operator, digitsFromLeast(left.value), digitsFromLeast(right.value));
}
