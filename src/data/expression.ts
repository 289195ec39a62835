import { DataError } from "../base/errors.ts";
import type { Rational } from "./rational.ts";
import { absolute, add, compare, divide, gcd, lcm, modulo, multiply, negate, rational, subtract } from "./rational.ts";

/** The binary operators; `%` is floored modulo (see `modulo`). */
export const OPERATORS = ["+", "-", "*", "/", "%"] as const;
/** One of `OPERATORS`. */
export type Operator = (typeof OPERATORS)[number];

/** The functions of the task and how many arguments each takes. */
export const FUNCTION_ARITY = { max: 2, min: 2, next: 1, prev: 1, abs: 1 } as const;
/** Functions that occur in worked steps alone; both take whole numbers. */
export const STEP_FUNCTION_ARITY = { gcd: 2, lcm: 2 } as const;
/** A function that problems may contain. */
export type FunctionName = keyof typeof FUNCTION_ARITY;
/** A function that worked steps alone may contain. */
export type StepFunctionName = keyof typeof STEP_FUNCTION_ARITY;

/** An expression; numbers are whole and not negative, a sign is a `negate` node. */
export type Expression =
  | { kind: "number"; value: bigint }
  | { kind: "negate"; operand: Expression }
  | { kind: "binary"; operator: Operator; left: Expression; right: Expression }
  | { kind: "call"; name: FunctionName | StepFunctionName; arguments: Expression[] };

const applyOperator: Record<Operator, (a: Rational, b: Rational) => Rational> = {
  "+": add,
  "-": subtract,
  "*": multiply,
  "/": divide,
  "%": modulo,
};

const whole = (name: string, value: Rational): bigint => {
  if (value.denominator === 1n) return value.numerator;
  throw new DataError(`${name}: expected whole numbers, got ${value.numerator}/${value.denominator}; reduce it first`);
};

const applyFunction: Record<FunctionName | StepFunctionName, (...values: Rational[]) => Rational> = {
  max: (a, b) => (compare(a, b) >= 0 ? a : b),
  min: (a, b) => (compare(a, b) <= 0 ? a : b),
  next: (a) => add(a, rational(1n)),
  prev: (a) => subtract(a, rational(1n)),
  abs: (a) => ({ numerator: absolute(a.numerator), denominator: a.denominator }),
  gcd: (a, b) => rational(gcd(whole("gcd", a), whole("gcd", b))),
  lcm: (a, b) => rational(lcm(whole("lcm", a), whole("lcm", b))),
};

/**
 * The value of a binary operation.
 * @throws DataError on division or modulo by zero
 */
export function evaluateBinary(operator: Operator, a: Rational, b: Rational): Rational {
  return applyOperator[operator](a, b);
}

/** The value of a function at its arguments, as many as its arity says. */
export function evaluateCall(name: FunctionName | StepFunctionName, values: readonly Rational[]): Rational {
  return applyFunction[name](...values);
}

/**
 * The exact value of an expression.
 * @throws DataError on division or modulo by zero, and on gcd or lcm of fractions
 */
export function evaluate(expression: Expression): Rational {
  switch (expression.kind) {
    case "number":
      return rational(expression.value);
    case "negate":
      return negate(evaluate(expression.operand));
    case "binary":
      return evaluateBinary(expression.operator, evaluate(expression.left), evaluate(expression.right));
    case "call":
      return evaluateCall(expression.name, expression.arguments.map(evaluate));
  }
}

/** Choices the printer leaves open; asked once for each place where it could do either. */
export interface PrintStyle {
  /** Put brackets around this expression although none are needed? */
  bracket: () => boolean;
  /** Put a space between these two neighbouring marks? */
  space: () => boolean;
}

const PLAIN: PrintStyle = { bracket: () => false, space: () => false };

const precedenceOf = (operator: Operator): number => (operator === "+" || operator === "-" ? 1 : 2);

/**
 * An expression as text. Without a style this is the canonical text: no spaces, no redundant brackets; a sign inside an
 * expression is bracketed, `5-(-3)`. `parseExpression` of the result gives the same tree.
 */
export function printExpression(expression: Expression, style: PrintStyle = PLAIN): string {
  const marks: string[] = [];
  // `floor` is the lowest precedence that may stand here bare; `leads` says that no operator stands directly before.
  const write = (node: Expression, floor: number, leads: boolean): void => {
    const needed =
      (node.kind === "binary" && precedenceOf(node.operator) < floor) || (node.kind === "negate" && !leads);
    const bracketed = needed || style.bracket();
    if (bracketed) marks.push("(");
    writeBare(node, leads || bracketed);
    if (bracketed) marks.push(")");
  };
  const writeBare = (node: Expression, leads: boolean): void => {
    switch (node.kind) {
      case "number":
        marks.push(node.value.toString());
        return;
      case "negate":
        marks.push("-");
        write(node.operand, 3, false);
        return;
      case "binary": {
        const precedence = precedenceOf(node.operator);
        write(node.left, precedence, leads);
        marks.push(node.operator);
        write(node.right, precedence + 1, false);
        return;
      }
      case "call":
        marks.push(node.name, "(");
        node.arguments.forEach((argument, i) => {
          if (i > 0) marks.push(",");
          write(argument, 0, true);
        });
        marks.push(")");
    }
  };
  write(expression, 0, true);
  return marks.reduce((text, mark) => text + (style.space() ? " " : "") + mark);
}
