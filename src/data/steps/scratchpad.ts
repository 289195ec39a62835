import { type Expression, evaluateBinary, evaluateCall, type Operator } from "../expression.ts";
import { formatRational, negate, type Rational, rational } from "../rational.ts";
import { extremeOfFractionsSteps, fractionSteps } from "./fraction.ts";
import { binaryText, type DigitOrder, orderDigits, STEP_SEPARATOR } from "./notation.ts";
import { productSteps } from "./product.ts";
import { quotientSteps, remainderSteps } from "./quotient.ts";
import { sumSteps } from "./sum.ts";

/**
 * Appends the steps of one binary operation on exact values.
 *
 * @param lead text that ends in the operation as written, e.g. `prev(4)=4-1`
 */
function binarySteps(steps: string[], lead: string, a: Rational, operator: Operator, b: Rational): void {
  if (a.denominator !== 1n || b.denominator !== 1n) {
    fractionSteps(steps, lead, a, operator, b);
    return;
  }
  const [x, y] = [a.numerator, b.numerator];
  if (operator === "+" || operator === "-") sumSteps(steps, lead, x, operator, y);
  else if (operator === "*") productSteps(steps, lead, x, y);
  else if (operator === "/") quotientSteps(steps, lead, x, y);
  else remainderSteps(steps, lead, x, y);
}

function callSteps(steps: string[], call: Extract<Expression, { kind: "call" }>, values: Rational[]): void {
  const [a, b] = values;
  const { name } = call;
  const text = `${name}(${values.map(formatRational).join(",")})`;
  if (name === "next" || name === "prev") {
    const operator = name === "next" ? "+" : "-";
    binarySteps(steps, `${text}=${binaryText(a, operator, rational(1n))}`, a, operator, rational(1n));
  } else if ((name === "max" || name === "min") && (a.denominator !== 1n || b.denominator !== 1n)) {
    extremeOfFractionsSteps(steps, name, a, b, evaluateCall(name, values));
  } else {
    steps.push(`${text}=${formatRational(evaluateCall(name, values))}`);
  }
}

/** How worked steps are written. */
export interface ScratchpadOptions {
  digitOrder: DigitOrder;
  /** Whether to show the steps of this node; asked once a node, children first. Absent: all are shown. */
  show?: (node: Expression) => boolean;
}

/**
 * The worked steps of an expression, joined by `, `: nodes from the leaves to the root, left before right. Every step is
 * one of
 * - a chain of equal expressions, `47*8=320+56=376`, or one that ends open, `25-61=-(61-25)`;
 * - an announcement of what comes next, `47+38`;
 * - a column, `7+8=15 carry 1`, or a line of division, `84=2*36+12`;
 * - a continuation of the last thing still open, `=85`.
 * A node that is not shown leaves no text; a sign in front of brackets has no step of its own.
 *
 * @throws DataError on division or modulo by zero
 */
export function writeScratchpad(expression: Expression, options: ScratchpadOptions): string {
  const steps: string[] = [];
  const show = options.show ?? (() => true);
  const visit = (node: Expression): Rational => {
    if (node.kind === "number") return rational(node.value);
    if (node.kind === "negate") return negate(visit(node.operand));
    if (node.kind === "binary") {
      const [left, right] = [visit(node.left), visit(node.right)];
      const value = evaluateBinary(node.operator, left, right);
      if (show(node)) binarySteps(steps, binaryText(left, node.operator, right), left, node.operator, right);
      return value;
    }
    const values = node.arguments.map(visit);
    if (show(node)) callSteps(steps, node, values);
    return evaluateCall(node.name, values);
  };
  visit(expression);
  return orderDigits(steps.join(STEP_SEPARATOR), options.digitOrder);
}
