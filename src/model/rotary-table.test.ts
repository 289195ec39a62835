import { describe, expect, it } from "vitest";
import { rotaryFrequencies } from "./rotary-table.ts";

const plain = { headDim: 8, rotaryTheta: 10000, rotaryScaling: null };
const close = (found: Float64Array, expected: number[]) =>
  found.forEach((value, i) => {
    expect(value / expected[i]).toBeCloseTo(1, 12);
  });

describe("rotaryFrequencies", () => {
  it("is θ^(−2i/headDim)", () => {
    close(rotaryFrequencies(plain), [1, 0.1, 0.01, 0.001]);
  });

  it("divides all by a linear factor, or each by its own", () => {
    close(
      rotaryFrequencies({ ...plain, rotaryScaling: { kind: "linear", factor: 4 } }),
      [0.25, 0.025, 0.0025, 0.00025],
    );
    const longrope = { kind: "longrope", factors: [1, 2, 4, 5], attentionFactor: 1.3 } as const;
    close(rotaryFrequencies({ ...plain, rotaryScaling: longrope }), [1, 0.05, 0.0025, 0.0002]);
  });

  it("keeps Llama 3's short waves, divides its long ones, and goes over between", () => {
    const rotaryScaling = {
      kind: "llama3",
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 400 * Math.PI,
    } as const;
    // Turns within the original positions: 200, 20, 2, 0.2. At 2 turns a third of the way from 1 to 4 is kept.
    close(rotaryFrequencies({ ...plain, rotaryScaling }), [1, 0.1, 0.01 * (1 / 3 + 2 / 3 / 8), 0.001 / 8]);
  });
});
