import { expect, it } from "vitest";
import { learningRateAt } from "./schedule.ts";

const shared = { learningRate: 0.1, warmupSteps: 4, totalSteps: 15, finalShare: 0.2 };

it("rises linearly and reaches the peak at the end of warm-up", () => {
  expect([0, 1, 3, 4].map((step) => learningRateAt(step, { ...shared, decay: "cosine" }))).toEqual(
    [0.025, 0.05, 0.1, 0.1].map((rate) => expect.closeTo(rate, 14)),
  );
});

it("falls to its final share at the last step: linear through the middle, cosine too", () => {
  // Steps 4 … 14 are the decay; 9 is half-way.
  for (const decay of ["linear", "cosine"] as const) {
    expect(learningRateAt(9, { ...shared, decay })).toBeCloseTo(0.06, 14);
    expect(learningRateAt(14, { ...shared, decay })).toBeCloseTo(0.02, 14);
  }
  expect(learningRateAt(6, { ...shared, decay: "linear" })).toBeCloseTo(0.1 * (0.2 + 0.8 * 0.8), 14);
  expect(learningRateAt(14, { ...shared, decay: "constant" })).toBe(0.1);
});
