import { expect, test } from "vitest";
import type { Problem } from "../records/problem.ts";
import { breakdownOf } from "./breakdown.ts";
import { majorityShare, type Vote } from "./majority.ts";
import { countOutcomes, outcomeOf } from "./outcome.ts";
import { passAtK, reportedKs } from "./pass-at-k.ts";

test("pass@k is one minus the share of k-subsets without a right attempt", () => {
  // C(4, 2) = 6 pairs, of which C(3, 2) = 3 miss the one right attempt.
  expect(passAtK(4, 1, 2)).toBeCloseTo(1 / 2, 12);
  // C(10, 3) = 120, C(7, 3) = 35.
  expect(passAtK(10, 3, 3)).toBeCloseTo(1 - 35 / 120, 12);
  expect(passAtK(5, 2, 1)).toBeCloseTo(2 / 5, 12);
  expect([passAtK(8, 0, 8), passAtK(8, 1, 8), passAtK(8, 7, 2)]).toEqual([0, 1, 1]);
  // Binomials of 2000 overflow a double.
  expect(passAtK(2000, 1, 1000)).toBeCloseTo(0.5, 9);
  expect(() => passAtK(4, 1, 5)).toThrow(RangeError);
  expect(() => passAtK(4, 5, 1)).toThrow(RangeError);
});

test("pass@k is unbiased: over all outcomes of n attempts it averages to 1 − (1 − p)^k", () => {
  const [n, k, p] = [6, 3, 0.2];
  const choose = (m: number, j: number) =>
    Array.from({ length: j }, (_, i) => (m - i) / (j - i)).reduce((a, b) => a * b, 1);
  let mean = 0;
  for (let c = 0; c <= n; c++) mean += choose(n, c) * p ** c * (1 - p) ** (n - c) * passAtK(n, c, k);
  expect(mean).toBeCloseTo(1 - (1 - p) ** k, 12);
});

test("k is reported at powers of two and at the end", () => {
  expect(reportedKs(1)).toEqual([1]);
  expect(reportedKs(8)).toEqual([1, 2, 4, 8]);
  expect(reportedKs(12)).toEqual([1, 2, 4, 8, 12]);
});

const votes = (...given: [string | null, boolean | null][]): Vote[] =>
  given.map(([answer, correct]) => ({ answer, correct }));
const sameNumber = (a: string, b: string) => Number(a) === Number(b);

test("the majority is counted over answers that mean the same, not over texts", () => {
  // 0.5, 1/2 and .50 are right, though texts differ; 3 and 3.0 are one wrong answer.
  expect(
    majorityShare(votes(["0.5", true], ["3", false], ["1/2", true], ["3.0", false], [".50", true]), sameNumber),
  ).toBe(1);
  expect(majorityShare(votes(["0.5", true], ["3", false], ["3.0", false], ["7", false]), sameNumber)).toBe(0);
  expect(majorityShare(votes(["3", false], ["3.0", false], ["4", true], ["4", true], ["4", true]), sameNumber)).toBe(1);
});

test("a tie counts as drawing one of the tied answers; attempts without an answer do not vote", () => {
  expect(majorityShare(votes(["4", true], ["3", false]), sameNumber)).toBe(0.5);
  expect(
    majorityShare(votes(["4", true], ["3", false], ["2", false], ["4", true], ["3", false], ["2", false]), sameNumber),
  ).toBeCloseTo(1 / 3);
  expect(majorityShare(votes([null, false], [null, false], ["4", true]), sameNumber)).toBe(1);
  expect(majorityShare(votes([null, false]), sameNumber)).toBe(0);
  // What cannot be compared is not the same.
  expect(majorityShare(votes(["x", false], ["y", false], ["4", true], ["4", true]), () => null)).toBe(1);
});

test("an attempt has one outcome, the first that holds", () => {
  expect(outcomeOf({ parts: { correct: 1, format: 0 }, stop: "length" })).toBe("correct");
  expect(outcomeOf({ parts: { correct: 0, format: 0 }, stop: "length" })).toBe("truncated");
  expect(outcomeOf({ parts: { correct: 0, format: 0 }, stop: "eos" })).toBe("format");
  expect(outcomeOf({ parts: { correct: 0, format: 1 }, stop: "eos" })).toBe("wrong");
  expect(outcomeOf({ parts: { correct: null, format: 1 }, stop: "length" })).toBe("ungradable");
  expect(countOutcomes(["wrong", "correct", "wrong"])).toEqual({
    correct: 1,
    wrong: 2,
    format: 0,
    truncated: 0,
    ungradable: 0,
  });
});

test("accuracy by kind leaves out fields that say nothing", () => {
  const problem = (meta?: Problem["meta"]): Problem => ({ id: "", question: "", answer: "", meta });
  const answered = [
    { problem: problem({ level: 10, subject: "Algebra", type: "x" }), correct: true },
    { problem: problem({ level: 9, subject: "Geometry", type: "x" }), correct: false },
    { problem: problem({ level: 9, subject: "Algebra", type: "x" }), correct: true },
    { problem: problem(), correct: true },
  ];
  const rows = breakdownOf(answered).map(({ by, kind, n, value }) => [by, kind, n, value]);
  expect(rows).toEqual([
    ["level", "9", 2, 0.5],
    ["level", "10", 1, 1],
    ["subject", "Algebra", 2, 1],
    ["subject", "Geometry", 1, 0],
  ]);
  expect(breakdownOf(answered)[0].ci95[0]).toBeCloseTo(0.0945, 3);
});
