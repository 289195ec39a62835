import { afterAll, describe, expect, it } from "vitest";
import { kernelSignatures } from "../../../src/engine/kernels.ts";
import { attentionPairs } from "./attention-pairs.ts";
import { blockPairs } from "./block-pairs.ts";
import { definePair, kernelsRun, largestGradientError } from "./finite-differences.ts";
import { mixturePairs } from "./mixture-pairs.ts";
import { tokenLogpsPairs } from "./token-logps-pairs.ts";

const TOLERANCE = 1e-7;

describe("every backward against central differences of its forward, in f64", () => {
  for (const pair of [...blockPairs(), ...attentionPairs(), ...mixturePairs(), ...tokenLogpsPairs()]) {
    it(pair.name, () => {
      const worst = largestGradientError(pair);
      expect(worst.relative, JSON.stringify(worst)).toBeLessThan(TOLERANCE);
    });
  }

  afterAll(() => {
    const backward = Object.keys(kernelSignatures).filter((kernel) => /Backward|olumnSum/.test(kernel));
    expect(backward.filter((kernel) => !kernelsRun().has(kernel as never))).toEqual([]);
  });
});

it("sees a gradient that is off by one part in a million", () => {
  const wrong = definePair({
    name: "cube",
    inputs: { x: Float64Array.of(0.5, -2) },
    forward: ({ x }) => ({ y: x.map((value) => value ** 3) }),
    backward: ({ x }, { y }) => ({ x: x.map((value, i) => 3 * value * value * y[i] * (1 + 1e-6)) }),
  });
  expect(largestGradientError(wrong).relative).toBeGreaterThan(TOLERANCE);
});
