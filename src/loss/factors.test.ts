import { describe, expect, it } from "vitest";
import { importanceRatios } from "./importance.ts";
import { entropyThreshold } from "./top-entropy.ts";

describe("importanceRatios", () => {
  const trainer = [-1, -2, -1.5, -0.5];
  const sampler = [-2, -1, -1.5, Number.NaN];
  const starts = [0, 2, 4];

  it("are trainer over sampler, cut above; what is not known counts as equal", () => {
    const ratios = importanceRatios(trainer, sampler, starts, { cap: 2, level: "token" });
    expect([...ratios]).toEqual([2, expect.closeTo(Math.exp(-1), 14), 1, 1]);
  });

  it("are products over an attempt where it is one action", () => {
    const products = importanceRatios([-1, -2, -1, -1], [-1.5, -2.25, -2, -2], starts, { cap: 3, level: "sequence" });
    expect([...products]).toEqual([expect.closeTo(Math.exp(0.75), 14), expect.closeTo(Math.exp(0.75), 14), 3, 3]);
  });

  it("are exactly 1 for our own sampler", () => {
    const same = importanceRatios(trainer, trainer, starts, { cap: 2, level: "sequence" });
    expect([...same]).toEqual([1, 1, 1, 1]);
  });
});

describe("entropyThreshold", () => {
  it("is a quantile between two values", () => {
    const entropies = [0.4, 0.1, 0.3, 0.2, 0.5];
    expect(entropyThreshold(entropies, 1)).toBe(0.1);
    expect(entropyThreshold(entropies, 0.25)).toBeCloseTo(0.4, 14);
    expect(entropyThreshold(entropies, 0.2)).toBeCloseTo(0.42, 14);
    expect(entropyThreshold([2], 0.2)).toBe(2);
    expect(entropyThreshold([], 0.2)).toBe(0);
  });
});
