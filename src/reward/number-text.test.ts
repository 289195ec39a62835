import fc from "fast-check";
import { expect, test } from "vitest";
import { formatRational, rational } from "../data/rational.ts";
import { lastNumber, readNumber } from "./number-text.ts";

test.each([
  ["5", "5", ""],
  ["-5", "-5", ""],
  ["−5", "-5", ""],
  ["+5", "5", ""],
  ["5.", "5", ""],
  ["5.0", "5", ""],
  ["5.50", "11/2", ""],
  [".5", "1/2", ""],
  ["007", "7", ""],
  ["1,080", "1080", ""],
  ["1,234,567.89", "123456789/100", ""],
  ["1/2", "1/2", ""],
  ["-2 / 6", "-1/3", ""],
  ["1.5/3", "1/2", ""],
  ["0.1", "1/10", ""],
  ["$18", "18", "$"],
  ["-$18.00", "-18", "$"],
  ["$-18", "-18", "$"],
  ["18 dollars", "18", "$"],
  ["18$", "18", "$"],
  ["€5", "5", "€"],
  ["50%", "50", "%"],
  ["50 percent", "50", "%"],
  ["50 per cent", "50", "%"],
  ["90°", "90", "°"],
  ["18 apples.", "18", "apple"],
  ["18 Red Apples", "18", "red apple"],
  ["5 kg", "5", "kg"],
  ["5cm", "5", "cm"],
  ["\\$1{,}080", "1080", "$"],
  ["$18$", "18", ""],
  ["\\(18\\)", "18", ""],
  ["18\\text{ apples}", "18", "apple"],
  ["50\\%", "50", "%"],
  ["10\\,000", "10000", ""],
])("%s is %s with the unit `%s`", (text, value, unit) => {
  const number = readNumber(text);
  expect(number && [formatRational(number.value), number.unit]).toEqual([value, unit]);
});

test.each([
  "",
  " ",
  "-",
  "$",
  ".",
  "five",
  "1/0",
  "--5",
  "-$-5",
  "1,08",
  "1,0800",
  "1080,",
  "(1,200)",
  "1,2",
  "3,5",
  "1.2.3",
  "5-3",
  "5+3",
  "5=5",
  "x = 5",
  "5x",
  "5xy",
  "5 x",
  "5pi",
  "5 pi",
  "5 million",
  "2 dozen",
  "3 and a half",
  "5 or 6",
  "5 or more",
  "1 1/2",
  "1e3",
  "5^2",
  "\\frac{1}{2}",
  "2\\pi",
  "the answer is 5",
  "5 apples and 3 pears",
  "1:2",
  "9".repeat(201),
])("%s is no plain number", (text) => {
  expect(readNumber(text)).toBeNull();
});

test("every fraction reads back as it was written", () => {
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.bigInt(1n, 10n ** 20n), (above, below) => {
      const value = rational(above, below);
      expect(readNumber(formatRational(value))?.value).toEqual(value);
    }),
    { seed: 6 },
  );
});

test.each([
  ["He has 3 + 4 = 7 apples.", "7"],
  ["It costs $1,080.50.", "$1,080.50"],
  ["10-3", "3"],
  ["10 - 3 = -7.", "-7"],
  ["from 5 to −2", "-2"],
  ["a half is 1/2", "1/2"],
  ["1, 2, 3", "3"],
  ["\\boxed{18} since", "18"],
  ["none", null],
  ["", null],
])("the last number of `%s` is %s", (text, number) => {
  expect(lastNumber(text)).toBe(number);
});

test("hostile texts are no numbers, and reading them comes to an end", () => {
  for (const text of [
    "9".repeat(100_000),
    `-${" ".repeat(198)}x`,
    "1,".repeat(100),
    "1,111".repeat(40_000),
    "a".repeat(1e6),
  ]) {
    expect(readNumber(text)).toBeNull();
    lastNumber(text);
  }
});
