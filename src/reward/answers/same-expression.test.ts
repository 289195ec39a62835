import fc from "fast-check";
import { expect, test } from "vitest";
import type { Expression } from "./expression.ts";
import { latexTokens } from "./latex-tokens.ts";
import { plainLatex } from "./plain-latex.ts";
import { readExpression } from "./read-expression.ts";
import { constantRatio, sameExpression } from "./same-expression.ts";

function read(latex: string): Expression {
  const expression = readExpression(latexTokens(plainLatex(latex))!);
  if (expression === null) throw new Error(`no expression: ${latex}`);
  return expression;
}

test.each([
  ["\\sqrt{12}", "2\\sqrt3"],
  ["\\frac{1}{\\sqrt2+\\sqrt3}", "\\sqrt3-\\sqrt2"],
  ["\\sqrt[3]{-8}", "-2"],
  ["(1+i)^4", "-4"],
  ["\\sqrt{-4}", "2i"],
  ["\\frac{x^2-1}{x-1}", "x+1"],
  ["2^{n+1}\\cdot 3^n", "2\\cdot 6^n"],
  ["(-1)^{n+2}", "(-1)^n"],
  ["\\cos^2 x", "1-\\sin^2 x"],
  ["\\sqrt{3+2\\sqrt2}", "1+\\sqrt2"],
  ["\\ln 8", "3\\ln 2"],
  ["\\frac{n!}{(n-1)!}", "n"],
  ["e^{i\\pi}+1", "0"],
  ["f(x+1)-f(1+x)", "0"],
])("%s is %s", (a, b) => {
  expect(sameExpression(read(a), read(b))).toBe(true);
});

test.each([
  // Beyond double precision.
  ["10^{40}+1", "10^{40}"],
  ["\\sqrt2+10^{-40}", "\\sqrt2"],
  ["(1+10^{-30})^2", "1"],
  // Equal at positive numbers only, or at whole ones only.
  ["\\sqrt{x^2}", "x"],
  ["\\sin(\\pi n)", "0"],
  ["\\lfloor x \\rfloor", "x"],
  ["f(x)", "g(x)"],
  ["e^{-50}", "0"],
])("%s is not %s", (a, b) => {
  expect(sameExpression(read(a), read(b))).toBe(false);
});

test("what is too large to compute stays open", () => {
  expect(sameExpression(read("9^{9^{9^9}}"), read("5"))).toBeNull();
  expect(sameExpression(read("\\frac{1}{0}"), read("5"))).toBeNull();
});

test("equations of the same solutions are constant multiples, and inequalities keep their direction", () => {
  expect(constantRatio(read("2x-4"), read("x-2"))).toBe(1);
  expect(constantRatio(read("2-x"), read("x-2"))).toBe(-1);
  expect(constantRatio(read("\\sqrt2 x-2"), read("x-\\sqrt2"))).toBe(1);
  expect(constantRatio(read("y-\\frac1x"), read("xy-1"))).toBe(1);
  expect(constantRatio(read("x-2"), read("x+2"))).toBe(0);
  expect(constantRatio(read("x^2-x"), read("x-1"))).toBe(0);
  expect(constantRatio(read("2\\sin x-2"), read("\\sin x-1"))).toBe(1);
});

test("polynomials are compared by their coefficients", () => {
  const coefficients = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 6 });
  const written = (list: readonly number[]) => list.map((c, power) => `(${c})x^{${power}}`).join("+");
  const horner = (list: readonly number[]) => list.reduceRight((inner, c) => `(${inner})x+(${c})`, "0");
  fc.assert(
    fc.property(coefficients, fc.nat(5), (list, at) => {
      expect(sameExpression(read(horner(list)), read(written(list)))).toBe(true);
      const changed = list.map((c, power) => (power === at % list.length ? c + 1 : c));
      expect(sameExpression(read(horner(list)), read(written(changed)))).toBe(false);
    }),
    { seed: 5, numRuns: 60 },
  );
});
