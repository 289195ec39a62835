import { describe, expect, it } from "vitest";
import { batchAdvantages } from "./batch-baseline.ts";
import { clampAdvantages } from "./clamp.ts";
import { leaveOneOutAdvantages } from "./leave-one-out.ts";

const rewards = [
  [1, 0, 0, 1],
  [0.1, 0.1, 0.1, 0.1],
];

describe("leaveOneOutAdvantages", () => {
  it("sets each reward against the mean of the others", () => {
    expect(leaveOneOutAdvantages(rewards, { scale: "none" })).toEqual([
      [2 / 3, -2 / 3, -2 / 3, 2 / 3].map((a) => expect.closeTo(a, 14)),
      [0, 0, 0, 0],
    ]);
  });

  it("divides by the deviation of all of them with batch", () => {
    // Squares 4 · 4/9, over 7.
    const scaled = 2 / 3 / (Math.sqrt(16 / 9 / 7) + 1e-4);
    const [first, flat] = leaveOneOutAdvantages(rewards, { scale: "batch" });
    expect(first).toEqual([scaled, -scaled, -scaled, scaled].map((a) => expect.closeTo(a, 12)));
    expect(flat).toEqual([0, 0, 0, 0]);
  });
});

describe("batchAdvantages", () => {
  it("sets each reward against the mean of all, groups without spread included", () => {
    // Mean 2.4 / 8.
    expect(batchAdvantages(rewards, { scale: "none" })).toEqual([
      [0.7, -0.3, -0.3, 0.7].map((a) => expect.closeTo(a, 14)),
      [-0.2, -0.2, -0.2, -0.2].map((a) => expect.closeTo(a, 14)),
    ]);
    // Squares 2 · 0.49 + 2 · 0.09 + 4 · 0.04 = 1.32, over 7.
    expect(batchAdvantages(rewards, { scale: "batch" })[0][0]).toBeCloseTo(0.7 / (Math.sqrt(1.32 / 7) + 1e-4), 12);
  });

  it("yields exact zeros where all rewards are equal, whatever rounding does to their mean", () => {
    expect(batchAdvantages([[0.1, 0.1], [0.1]], { scale: "batch" })).toEqual([[0, 0], [0]]);
  });
});

it("clampAdvantages cuts both ways", () => {
  expect(clampAdvantages([[3, -0.5], [-9]], 2)).toEqual([[2, -0.5], [-2]]);
});
