import { describe, expect, test } from "vitest";
import { Rng } from "../../base/rng.ts";
import { generateProblems } from "../arithmetic.ts";
import type { ArithmeticOptions } from "../arithmetic-options.ts";
import { OPERATORS } from "../expression.ts";
import { checkSteps } from "./check-steps.ts";
import { type DigitOrder, orderDigits } from "./notation.ts";

const EVERYTHING = { operators: OPERATORS, functions: ["max", "min", "next", "prev", "abs"] } as const;
const FRACTIONS = { operators: ["/", "/", "+", "-", "%"], functions: ["max"] } as const;

/** Draws with signs, zeros and both digit orders. */
const draw = (count: number, seed: number, options: Partial<ArithmeticOptions>) =>
  generateProblems({
    split: "supervised",
    count,
    seed,
    unique: false,
    solutions: true,
    negatives: 0.4,
    zeroProbability: 0.02,
    digitOrder: "mixed",
    ...options,
  });

describe("checkSteps", () => {
  test("every step of 10,000 draws is true: all operators, functions, depths and digit orders", () => {
    const problems = [1, 2, 3].flatMap((maxDepth) => [
      ...[1, 2, 3, 4].flatMap((maxDigits) => draw(700, maxDigits, { ...EVERYTHING, maxDigits, maxDepth })),
      ...draw(600, 5, { ...FRACTIONS, maxDigits: 2, maxDepth: maxDepth + 1 }),
    ]);
    for (const { question, solution, answer, meta } of problems) {
      const order = meta!.digitOrder as DigitOrder;
      expect(checkSteps(solution!, order).errors, `${question}: ${solution}`).toEqual([]);
      expect(orderDigits(solution!, order).endsWith(`=${answer}`), `${question}: ${solution}`).toBe(true);
    }
    expect(problems).toHaveLength(10_200);
    for (const kind of [
      " carry 1",
      " borrow 1",
      "gcd(",
      "lcm(",
      "*(",
      "%(",
      "=-(",
      "max(",
      "abs(",
      "next(-",
      "prev(-",
    ]) {
      expect(problems.filter(({ solution }) => solution!.includes(kind)).length, kind).toBeGreaterThan(30);
    }
  });

  test("hidden nodes leave true steps", () => {
    const options = { split: "supervised", count: 300, seed: 9, maxDepth: 3, stepProbability: 0.5 } as const;
    for (const { solution } of generateProblems(options)) expect(checkSteps(solution!, "big").errors).toEqual([]);
  });

  test("one changed digit in steps of sums and differences is always found", () => {
    const options = {
      split: "supervised",
      count: 1500,
      seed: 5,
      operators: ["+", "-"],
      negatives: 0.3,
      maxDigits: 3,
    } as const;
    const rng = new Rng(11);
    for (const { solution } of generateProblems(options)) {
      const places = [...solution!.matchAll(/\d/g)].map((match) => match.index);
      const place = rng.pick(places);
      const digit = (Number(solution![place]) + rng.integer(1, 9)) % 10;
      const broken = solution!.slice(0, place) + digit + solution!.slice(place + 1);
      // A zero put before a number changes its text, not its value.
      if (/(^|\D)0\d/.test(broken)) continue;
      expect(checkSteps(broken, "big").errors.length, `${solution} made ${broken}`).toBeGreaterThan(0);
    }
  });

  test.each([
    ["47+38=86", "its sides differ"],
    ["-3-5=-2", "its sides differ"],
    ["47+38, 7+8=15 carry 1, 4+3=7, =85", "expected the digits 4+3+1"],
    ["47+38, 7+8=15, 4+3=7, =85", "carry must stand exactly where"],
    ["47+31, 7+1=8 carry 1, 4+3+1=8, =78", "carry must stand exactly where"],
    ["47+38, 7+8=14 carry 1, 4+3+1=8, =85", "the column's sum is wrong"],
    ["47+38, 7+9=16 carry 1, 4+3+1=8, =85", "expected the digits 7+8"],
    ["47+38, 7+8=15 carry 1, =85", "still owes columns"],
    ["47+38, =85", "still owes columns"],
    ["47+38, 7+8=15 borrow 1, 4+3+1=8, =85", "borrow in the wrong operation"],
    ["47+38, 7+8=15 carry 1, 4+3+1=8, =84", "differ from what is open"],
    ["47+38, 7+8=15 carry 1, 4+3+1=8", "its value is never given"],
    ["52-38, 12-8=4, 5-3=2, =14", "expected the digits 2-8"],
    ["58-32, 18-2=16 borrow 1, 5-3-1=1, =26", "borrow must stand exactly where"],
    ["52-38, 12-8=4 borrow 1, 5-3-1=2, =14", "the column's difference is wrong"],
    ["7+8=15 carry 1", "no open sum owes this column"],
    ["47*38, 47*8=320+56=366, 47*30=1410, =376+1410, 6+0=6, 7+1=8, 3+4=7, =1786", "its sides differ"],
    ["47*38, 47*8=376, 47*30=1410, =376+1411, 6+1=7, 7+1=8, 3+4=7, =1787", "differ from what is open"],
    ["84=2*36+11", "its sides differ"],
    ["84=1*36+48", "the rest must be below the divisor"],
    ["84=2*36", "its sides differ"],
    ["84=2*", "expected a line of division"],
    ["gcd(84,36)=6", "its sides differ"],
    ["lcm(4,6)=24", "its sides differ"],
    ["84/12=8", "its sides differ"],
    ["=5", "nothing is open"],
    ["6/4, gcd(6,4)=2, =6/4", "its value is never given"],
    ["1/0=3", "expected a denominator other than 0"],
    ["3+=4", "expected a number"],
    ["gcd(1/2,3)=1", "expected whole numbers"],
    ["hello", "expected one of the functions"],
  ])("%s is refused: %s", (text, reason) => {
    const { errors, total, correct } = checkSteps(text, "big");
    expect(errors.map((error) => error.reason).join(" | ")).toContain(reason);
    expect(correct).toBe(total - errors.length);
  });

  test("counts the share of true steps, and reads the digit order asked for", () => {
    expect(checkSteps("", "big")).toEqual({ total: 0, correct: 0, errors: [] });
    expect(checkSteps("3+4=7, 7*2=15", "big")).toMatchObject({
      total: 2,
      correct: 1,
      errors: [{ index: 1, step: "7*2=15" }],
    });
    expect(checkSteps("7+8=51", "little").correct).toBe(1);
    expect(checkSteps("7+8=51", "big").correct).toBe(0);
    expect(checkSteps("7+8=15", "little").correct).toBe(0);
  });
});
