import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import {
  add,
  divide,
  equals,
  formatRational,
  gcd,
  lcm,
  modulo,
  multiply,
  parseRational,
  rational,
} from "./rational.ts";

const anyRational = fc
  .tuple(fc.bigInt({ min: -999n, max: 999n }), fc.bigInt({ min: 1n, max: 99n }))
  .map(([n, d]) => rational(n, d));

describe("rational", () => {
  test("is in lowest terms with a positive denominator", () => {
    expect(rational(6n, -4n)).toEqual({ numerator: -3n, denominator: 2n });
    expect(rational(0n, -7n)).toEqual({ numerator: 0n, denominator: 1n });
    expect(() => rational(1n, 0n)).toThrow(DataError);
  });

  test("computes by hand-checked values", () => {
    expect(formatRational(add(rational(1n, 3n), rational(1n, 4n)))).toBe("7/12");
    expect(formatRational(multiply(rational(-2n, 3n), rational(3n, 4n)))).toBe("-1/2");
    expect(formatRational(divide(rational(1n, 3n), rational(-2n, 5n)))).toBe("-5/6");
    expect([gcd(84n, -36n), gcd(0n, 5n), lcm(4n, 6n), lcm(0n, 6n)]).toEqual([12n, 5n, 12n, 0n]);
  });

  test.each([
    ["7", "5", "2"],
    ["-7", "5", "3"],
    ["7", "-5", "-3"],
    ["-7", "-5", "-2"],
    ["-10", "5", "0"],
    ["1/2", "1/3", "1/6"],
    ["-1/2", "1/3", "1/6"],
    ["1/2", "-1/3", "-1/6"],
  ])("modulo follows Python: %s mod %s = %s", (a, b, expected) => {
    expect(formatRational(modulo(parseRational(a)!, parseRational(b)!))).toBe(expected);
  });

  test("modulo leaves a whole multiple of b between it and a, and has b's sign", () => {
    fc.assert(
      fc.property(anyRational, anyRational, (a, b) => {
        fc.pre(b.numerator !== 0n);
        const rest = modulo(a, b);
        const multiple = divide(add(a, multiply(rest, rational(-1n))), b);
        expect(multiple.denominator).toBe(1n);
        expect(rest.numerator === 0n || rest.numerator < 0n === b.numerator < 0n).toBe(true);
        const size = divide(rest, b);
        expect(size.numerator < size.denominator).toBe(true);
      }),
      { seed: 1 },
    );
  });

  test("text and value go there and back", () => {
    fc.assert(
      fc.property(anyRational, (a) => equals(parseRational(formatRational(a))!, a)),
      { seed: 2 },
    );
  });

  test("reads any terms and leading zeros, nothing else", () => {
    expect(parseRational("2/6")).toEqual(rational(1n, 3n));
    expect(parseRational("-007")).toEqual(rational(-7n));
    for (const text of ["", "-", "1/0", "1/-3", "--1", "+1", "1.5", "1 ", " 1", "1/", "/2", "1/2/3", "(1)", "1e3"]) {
      expect(parseRational(text), text).toBeNull();
    }
  });
});
