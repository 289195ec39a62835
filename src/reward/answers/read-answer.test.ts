import { expect, test } from "vitest";
import { plainLatex } from "./plain-latex.ts";
import { readAnswer } from "./read-answer.ts";
import { sameUnit } from "./units.ts";

test.each([
  ["\\frac{3}{4}", "value"],
  ["1,200", "value"],
  ["18\\text{ apples}", "value"],
  ["|x-1|", "value"],
  ["x = 5", "relation"],
  ["-2 \\le x < 7", "relation"],
  ["x \\in [1,2]", "member"],
  ["(1,200)", "tuple"],
  ["\\langle 1, 2 \\rangle", "tuple"],
  ["[0,1)", "interval"],
  ["\\mathbb{R}", "interval"],
  ["(0,1) \\cup (2,3)", "union"],
  ["\\mathbb{R} \\setminus \\{2\\}", "difference"],
  ["\\{1, 2\\}", "set"],
  ["\\emptyset", "set"],
  ["1, -2", "list"],
  ["x = 1 \\text{ or } x = 2", "list"],
  ["7, -2, \\text{ and } -5", "list"],
  ["\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "matrix"],
  ["52_8", "numeral"],
  ["8:34 \\text{ p.m.}", "ratio"],
  ["\\text{(C)}", "choice"],
  ["\\text{Evelyn}", "words"],
])("%s is a %s", (latex, kind) => {
  expect(readAnswer(plainLatex(latex))?.kind).toBe(kind);
});

test.each(["", "x^", "\\frac{1}{", "(1,2", "1,,2", "1 2", "\\begin{pmatrix} 1 & 2 \\\\ 3 \\end{pmatrix}", "=", "<"])(
  "%s is nothing known",
  (latex) => {
    expect(readAnswer(plainLatex(latex))).toBeNull();
  },
);

test.each([
  ["$\\frac{1}{2}$.", "\\frac{1}{2}"],
  ["\\boxed{\\dfrac{1}{2}}", "\\frac{1}{2}"],
  ["\\left( 1,\\; 2 \\right)", "( 1, 2 )"],
  ["10,\\!080", "10080"],
  ["10{,}080", "10080"],
  ["(1,200)", "(1,200)"],
  ["90^{\\circ}", "90\\degree"],
  ["x²", "x^{2}"],
  ["−3", "-3"],
  ["\\$18.90", "\\$18.90"],
])("%s reads plainly %s", (latex, plain) => {
  expect(plainLatex(latex)).toBe(plain);
});

test("a unit may be left out, but not be another one", () => {
  expect(sameUnit("", "cm")).toBe(true);
  expect(sameUnit("cm^2", "cm^2")).toBe(true);
  expect(sameUnit("distinct integer", "integer")).toBe(true);
  expect(sameUnit("cm", "m")).toBe(false);
  expect(sameUnit("cm", "cm^2")).toBe(false);
  expect(sameUnit("apple", "orange")).toBe(false);
});
