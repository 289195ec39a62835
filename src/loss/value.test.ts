import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import { valueLoss } from "./value.ts";

const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));
const quarter = [0.25, 0.25, 0.25, 0.25];

describe("valueLoss by hand", () => {
  const batch = {
    // Unmoved; past the clip towards its return; past it away from its return; within it.
    values: [1, 0.9, 0.9, 0.1],
    oldValues: [1, 0, 0, 0],
    returns: [3, 1, -1, 1],
    weights: quarter,
  };

  it("takes the worse of the squared error and the clipped one", () => {
    const { value, dValues, clipped } = valueLoss(batch, { clip: 0.2 });
    // (1 − 3)² = 4; clipped (0.2 − 1)² = 0.64 > 0.01; (0.9 + 1)² = 3.61 > clipped 1.44; (0.1 − 1)² = 0.81.
    expect(value).toBeCloseTo((4 + 0.64 + 3.61 + 0.81) / 8, 12);
    expect([...dValues]).toEqual(close([-0.5, 0, 1.9 / 4, -0.9 / 4]));
    expect(clipped).toBe(0.25);
  });

  it("is half the weighed squared error without clipping", () => {
    const { value, dValues, clipped } = valueLoss(batch, { clip: null });
    expect(value).toBeCloseTo((4 + 0.01 + 3.61 + 0.81) / 8, 12);
    expect(dValues[1]).toBeCloseTo(-0.1 / 4, 12);
    expect(clipped).toBe(0);
  });

  it("is zero, and pulls nowhere, for a perfect critic", () => {
    const { value, dValues } = valueLoss({ ...batch, values: batch.returns, oldValues: batch.returns }, { clip: 0.2 });
    expect(value).toBe(0);
    expect(dValues.every((d) => d === 0)).toBe(true);
  });

  it("leaves out what has no weight", () => {
    const { value, dValues } = valueLoss({ ...batch, weights: [0, 0, 0, 1] }, { clip: null });
    expect(value).toBeCloseTo(0.405, 12);
    expect([...dValues]).toEqual(close([0, 0, 0, -0.9]));
  });
});

describe("valueLoss's derivative", () => {
  it.each([null, 0.3])("is that of central differences, clip %s", (clip) => {
    const rng = new Rng(5);
    const draw = (scale: number) => Array.from({ length: 40 }, () => scale * rng.normal());
    const batch = { values: draw(1), oldValues: draw(1), returns: draw(1), weights: draw(1).map(Math.abs) };
    const { dValues } = valueLoss(batch, { clip });
    const step = 1e-6;
    for (let i = 0; i < 40; i++) {
      const at = (delta: number) =>
        valueLoss({ ...batch, values: batch.values.map((v, j) => (j === i ? v + delta : v)) }, { clip }).value;
      expect((at(step) - at(-step)) / (2 * step)).toBeCloseTo(dValues[i], 7);
    }
  });
});
