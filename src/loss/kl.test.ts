import { describe, expect, it } from "vitest";
import { adaptKlCoefficient } from "./kl-control.ts";
import { attemptKl, klEstimators } from "./kl-estimators.ts";

const ln2 = Math.log(2);

describe("klEstimators", () => {
  it("are Schulman's, by gap = refLogp − logp", () => {
    const at = (gap: number) => Object.values(klEstimators).map(({ value }) => value(gap));
    expect(at(ln2)).toEqual([-ln2, ln2 ** 2 / 2, 1 - ln2].map((value) => expect.closeTo(value, 14)));
    expect(at(-ln2)).toEqual([ln2, ln2 ** 2 / 2, ln2 - 0.5].map((value) => expect.closeTo(value, 14)));
    expect(at(0)).toEqual([-0, 0, 0]);
  });

  it("k1 and k3 have KL as their mean over what the policy samples", () => {
    const [policy, reference] = [
      [0.5, 0.3, 0.2],
      [0.2, 0.2, 0.6],
    ];
    const kl = policy.reduce((sum, p, i) => sum + p * Math.log(p / reference[i]), 0);
    for (const name of ["k1", "k3"] as const) {
      const mean = policy.reduce((sum, p, i) => sum + p * klEstimators[name].value(Math.log(reference[i] / p)), 0);
      expect(mean).toBeCloseTo(kl, 14);
    }
  });

  it("add up over an attempt", () => {
    expect(attemptKl("k1", [-1, -2, -3], [-1.5, -1, -3])).toBeCloseTo(0.5 - 1, 14);
    expect(attemptKl("k2", [-1, -2, -3], [-1.5, -1, -3])).toBeCloseTo(0.125 + 0.5, 14);
  });
});

describe("adaptKlCoefficient", () => {
  it("follows a tenth of the relative error, a fifth of it at most", () => {
    expect(adaptKlCoefficient(0.5, 0.11, 0.1)).toBeCloseTo(0.5 * 1.01, 14);
    expect(adaptKlCoefficient(0.5, 7, 0.1)).toBeCloseTo(0.5 * 1.02, 14);
    expect(adaptKlCoefficient(0.5, -1, 0.1)).toBeCloseTo(0.5 * 0.98, 14);
    expect(adaptKlCoefficient(0.5, 0.1, 0.1)).toBe(0.5);
  });

  it("settles where KL answers the coefficient", () => {
    let coefficient = 1;
    for (let step = 0; step < 400; step++) coefficient = adaptKlCoefficient(coefficient, 0.02 / coefficient, 0.1);
    expect(0.02 / coefficient).toBeCloseTo(0.1, 6);
  });
});
