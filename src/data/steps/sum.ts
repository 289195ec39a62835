import { absolute } from "../rational.ts";
import { digitsFromLeast, isDigit } from "./notation.ts";

/** The columns of x + y, least significant first: `7+8=15 carry 1`, `4+3+1=8`; digits without a partner or carry are left out. */
export function additionColumns(x: bigint, y: bigint): string[] {
  const [a, b] = [digitsFromLeast(x), digitsFromLeast(y)];
  const steps: string[] = [];
  let carry = 0;
  for (let i = 0; i < Math.min(a.length, b.length) || (carry > 0 && i < Math.max(a.length, b.length)); i++) {
    const terms = [...a.slice(i, i + 1), ...b.slice(i, i + 1), ...(carry > 0 ? [carry] : [])];
    const total = terms.reduce((sum, term) => sum + term);
    carry = total > 9 ? 1 : 0;
    steps.push(`${terms.join("+")}=${total}${carry > 0 ? " carry 1" : ""}`);
  }
  return steps;
}

/** The columns of x − y for x ≥ y, least significant first: `12-8=4 borrow 1`, `5-3-1=1`; untouched digits are left out. */
function subtractionColumns(x: bigint, y: bigint): string[] {
  const [a, b] = [digitsFromLeast(x), digitsFromLeast(y)];
  const steps: string[] = [];
  let borrow = 0;
  for (let i = 0; i < b.length || borrow > 0; i++) {
    const taken = [...b.slice(i, i + 1), ...(borrow > 0 ? [borrow] : [])];
    const rest = taken.reduce((left, term) => left - term, a[i]);
    borrow = rest < 0 ? 1 : 0;
    steps.push(`${[a[i] + 10 * borrow, ...taken].join("-")}=${rest + 10 * borrow}${borrow > 0 ? " borrow 1" : ""}`);
  }
  return steps;
}

/**
 * Whole numbers a ± b as a sum or difference of magnitudes, larger first, so that columns work and stay true:
 * −3−5 is −(3+5), 3−5 is −(5−3), −3+5 is 5−3.
 */
function magnitudeForm(a: bigint, operator: "+" | "-", b: bigint) {
  const addend = operator === "-" ? -b : b;
  const [x, y] = [absolute(a), absolute(b)];
  if (a < 0n === addend < 0n) return { negative: a < 0n, operator: "+", x, y };
  const swapped = y > x;
  return { negative: swapped ? addend < 0n : a < 0n, operator: "-", x: swapped ? y : x, y: swapped ? x : y };
}

/**
 * Appends the steps of a ± b for whole numbers. Two digits are a fact, `3+4=7`; longer numbers are announced, worked in
 * columns and closed: `47+38`, `7+8=15 carry 1`, `4+3+1=8`, `=85`. Signs are rewritten first: `25-61=-(61-25)`.
 *
 * @param lead text that ends in `a ± b` as written, e.g. `prev(40)=40-1`
 */
export function sumSteps(steps: string[], lead: string, a: bigint, operator: "+" | "-", b: bigint): void {
  const value = operator === "+" ? a + b : a - b;
  if (a === 0n || b === 0n) {
    steps.push(`${lead}=${value}`);
    return;
  }
  const form = magnitudeForm(a, operator, b);
  const magnitudes = `${form.x}${form.operator}${form.y}`;
  const rewritten = form.negative ? `-(${magnitudes})` : magnitudes;
  const opening = b > 0n && rewritten === `${a}${operator}${b}` ? lead : `${lead}=${rewritten}`;
  if (isDigit(form.x) && isDigit(form.y)) {
    steps.push(`${opening}=${value}`);
    return;
  }
  const columns = form.operator === "+" ? additionColumns : subtractionColumns;
  steps.push(opening, ...columns(form.x, form.y), `=${value}`);
}
