import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import {
  type Expression,
  evaluate,
  FUNCTION_ARITY,
  type FunctionName,
  OPERATORS,
  printExpression,
} from "./expression.ts";
import { parseExpression } from "./parse-expression.ts";
import { formatRational } from "./rational.ts";

const value = (text: string): string => formatRational(evaluate(parseExpression(text)));
const canonical = (text: string): string => printExpression(parseExpression(text));

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5 },
    fc.record({ kind: fc.constant("number" as const), value: fc.bigInt({ min: 0n, max: 9999n }) }),
    fc.record({ kind: fc.constant("negate" as const), operand: tie("expression") }),
    fc.record({
      kind: fc.constant("binary" as const),
      operator: fc.constantFrom(...OPERATORS),
      left: tie("expression"),
      right: tie("expression"),
    }),
    fc
      .tuple(fc.constantFrom(...(Object.keys(FUNCTION_ARITY) as FunctionName[])), tie("expression"), tie("expression"))
      .map(([name, a, b]) => ({ kind: "call" as const, name, arguments: [a, b].slice(0, FUNCTION_ARITY[name]) })),
  ),
}));

describe("evaluate", () => {
  test.each([
    ["3+4*2", "11"],
    ["(3+4)*2", "14"],
    ["8-3-2", "3"],
    ["8/4/2", "1"],
    ["1-4/3", "-1/3"],
    ["-7%5", "3"],
    ["-(7%5)", "-2"],
    ["2*7%5", "4"],
    ["--3", "3"],
    ["5--3", "8"],
    ["max(2,prev(4))", "3"],
    ["min(-1/2, -2/3)", "-2/3"],
    ["abs(3-5)+next(-1)", "2"],
    [" 1 + 2 ", "3"],
  ])("%s = %s", (text, expected) => {
    expect(value(text)).toBe(expected);
  });

  test("division and modulo by zero are errors", () => {
    expect(() => value("1/(2-2)")).toThrow(DataError);
    expect(() => value("1%0")).toThrow(DataError);
  });
});

describe("print", () => {
  test.each([
    ["( (3) + 4 ) * 2", "(3+4)*2"],
    ["3+(4*2)", "3+4*2"],
    ["3-(4-2)", "3-(4-2)"],
    ["(3-4)-2", "3-4-2"],
    ["5--3", "5-(-3)"],
    ["2+-3*5", "2+(-3)*5"],
    ["(-3)*5", "-3*5"],
    ["-(3+4)", "-(3+4)"],
    ["007", "7"],
    ["max( (1) ,2)", "max(1,2)"],
    ["max(-1,-(2))", "max(-1,-2)"],
  ])("%s is canonically %s", (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test("what is printed parses to the same tree", () => {
    fc.assert(
      fc.property(expression, (tree) => {
        expect(parseExpression(printExpression(tree))).toEqual(tree);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  test("spaces and redundant brackets change nothing", () => {
    fc.assert(
      fc.property(expression, fc.infiniteStream(fc.boolean()), (tree, coins) => {
        const flip = (): boolean => coins.next().value as boolean;
        const decorated = printExpression(tree, { bracket: flip, space: flip });
        expect(parseExpression(decorated)).toEqual(tree);
      }),
      { seed: 4, numRuns: 500 },
    );
  });
});

describe("parse errors say where and what", () => {
  test.each([
    ["3+", "expected a number, a function, `-` or `(` at position 3, got the end"],
    ["", "at position 1, got the end"],
    ["3+*4", "at position 3, got `*`"],
    ["(3+4", "expected `)` at position 5, got the end"],
    ["3+4)", "expected an operator or the end at position 4, got `)`"],
    ["1 2", "expected an operator or the end at position 3, got `2`"],
    ["2^3", "position 2, got `^`"],
    ["sin(3)", "expected one of the functions max, min, next, prev, abs at position 1, got `sin`"],
    ["max(3)", "expected `,` at position 6, got `)`"],
    ["abs(3,4)", "expected `)` at position 6, got `,`"],
    ["gcd(3,4)", "got `gcd`"],
    ["3+\u00bd", "at position 3, got `½`"],
  ])("%s", (text, message) => {
    expect(() => parseExpression(text)).toThrow(DataError);
    expect(() => parseExpression(text)).toThrow(message);
  });

  test("hostile nesting is an error, not a full stack", () => {
    expect(() => parseExpression("(".repeat(100_000))).toThrow(/at most 200 deep/);
    expect(() => parseExpression("-".repeat(100_000))).toThrow(/at most 200 deep/);
  });
});
