import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import { type CriticBatch, type PpoOptions, ppoLoss } from "./ppo.ts";

const ln = Math.log;
const plain: PpoOptions = {
  clip: 0.2,
  valueClip: 0.5,
  valueCoefficient: 0.1,
  beta: 0,
  entropyBonus: 0,
  critic: "token",
};

/** Attempts of 1 and 2 tokens; ratios 1.5 | 1, 0.5. */
const batch: CriticBatch = {
  logps: [ln(0.3), ln(0.5), ln(0.1)],
  oldLogps: [ln(0.2), ln(0.5), ln(0.2)],
  refLogps: [ln(0.3), ln(0.25), ln(0.1)],
  entropies: [1, 2, 3],
  advantages: [2, 1, -1],
  values: [0, 0.5, 1],
  oldValues: [0, 0.5, 0],
  returns: [1, 0.5, 0.8],
  starts: [0, 1, 3],
};
const whole = { attempts: 2, tokens: 3 };

describe("ppoLoss by hand", () => {
  it("is the clipped surrogate with its own advantage for each token, and the critic's error", () => {
    const { value, dLogps, dValues, sums } = ppoLoss(batch, plain, whole);
    // Policy: −(1.2·2 + 1·1 + 0.8·(−1)); critic: ½ (1 + 0 + max(0.2², (0.5 − 0.8)²)), the last one clipped.
    const policy = -(2.4 + 1 - 0.8) / 3;
    const critic = (1 + 0 + 0.09) / 6;
    expect(value).toBeCloseTo(policy + 0.1 * critic, 12);
    expect([...dLogps]).toEqual([0, -1 / 3, 0].map((d) => expect.closeTo(d, 12)));
    expect([...dValues]).toEqual([-0.1 / 3, 0, 0].map((d) => expect.closeTo(d, 12)));
    expect(sums["loss/policy"]).toBeCloseTo(3 * policy, 12);
    expect(sums["loss/value"]).toBeCloseTo(3 * critic, 12);
    expect(sums["val/clipfrac"]).toBeCloseTo(1, 12);
    expect(sums["policy/approxkl"]).toBeCloseTo(0.5 - ln(1.5) + (-0.5 + ln(2)), 12);
  });

  it("trains only the value an attempt begins with, in the sequence form", () => {
    const { dValues, sums } = ppoLoss({ ...batch, returns: [1, 0, 0.8] }, { ...plain, critic: "sequence" }, whole);
    expect([...dValues]).toEqual([-0.1 / 2, 0.05 / 2, 0].map((d) => expect.closeTo(d, 12)));
    expect(sums["loss/value"] / whole.tokens).toBeCloseTo((1 + 0.25) / 4, 12);
  });

  it("adds KL and takes the entropy bonus off", () => {
    const with_ = ppoLoss(batch, { ...plain, beta: 0.5, entropyBonus: 0.01 }, whole);
    const k3 = 0.5 + ln(2) - 1;
    expect(with_.value - ppoLoss(batch, plain, whole).value).toBeCloseTo((0.5 * k3 - 0.01 * 6) / 3, 12);
  });
});

it("ppoLoss's derivatives are those of central differences, and add up over micro-batches", () => {
  const rng = new Rng(2);
  const draw = (scale: number) => Array.from({ length: 12 }, () => scale * rng.normal());
  const random: CriticBatch = {
    logps: draw(0.5),
    oldLogps: draw(0.5),
    refLogps: draw(0.5),
    entropies: draw(1),
    advantages: draw(1),
    values: draw(1),
    oldValues: draw(1),
    returns: draw(1),
    starts: [0, 5, 6, 12],
  };
  const sizes = { attempts: 3, tokens: 12 };
  const step = 1e-6;
  for (const critic of ["token", "sequence"] as const) {
    const options: PpoOptions = { ...plain, beta: 0.1, entropyBonus: 0.02, critic };
    const all = ppoLoss(random, options, sizes);
    for (const [field, derivative] of [
      ["logps", all.dLogps],
      ["entropies", all.dEntropies],
      ["values", all.dValues],
    ] as const)
      for (let i = 0; i < 12; i++) {
        const at = (delta: number) => {
          const moved = Array.from(random[field], (value, j) => (j === i ? value + delta : value));
          return ppoLoss({ ...random, [field]: moved }, options, sizes).value;
        };
        expect((at(step) - at(-step)) / (2 * step)).toBeCloseTo(derivative[i], 7);
      }
    const part = (begin: number, end: number, starts: number[]): CriticBatch => {
      const cut = Object.entries(random).map(([name, values]) => [name, (values as number[]).slice(begin, end)]);
      return { ...Object.fromEntries(cut), starts };
    };
    const parts = [part(0, 6, [0, 5, 6]), part(6, 12, [0, 6])].map((one) => ppoLoss(one, options, sizes));
    expect(parts[0].value + parts[1].value).toBeCloseTo(all.value, 12);
    expect([...parts[0].dValues, ...parts[1].dValues]).toEqual([...all.dValues]);
  }
});
