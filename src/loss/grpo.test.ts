import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import { type GrpoOptions, grpoLoss } from "./grpo.ts";
import type { TokenBatch } from "./token-batch.ts";

const plain: GrpoOptions = { clipLow: 0.2, clipHigh: 0.3, beta: 0, entropyBonus: 0, aggregation: "grpo" };
const ln = Math.log;

/** Attempts of 1 and 3 tokens; ratios 1.5 | 1, 0.5, 2. */
const batch: TokenBatch = {
  logps: [ln(0.3), ln(0.5), ln(0.1), ln(0.4)],
  oldLogps: [ln(0.2), ln(0.5), ln(0.2), ln(0.2)],
  refLogps: [ln(0.3), ln(0.25), ln(0.1), ln(0.4)],
  entropies: [1, 2, 3, 4],
  advantages: [2, -1, -1, -1],
  starts: [0, 1, 4],
};
const whole = { attempts: 2, tokens: 4 };

describe("grpoLoss by hand", () => {
  it("takes the worse of ratio and clipped ratio, attempt means averaged", () => {
    const { value, dLogps, sums } = grpoLoss(batch, plain, whole);
    // Attempt 1: −1.3·2 (1.5 clipped at 1.3). Attempt 2: 1, 0.8 (0.5 clipped at 0.8), 2 (not clipped: A < 0).
    expect(value).toBeCloseTo((-2.6 + (1 + 0.8 + 2) / 3) / 2, 12);
    expect([...dLogps]).toEqual([0, 1 / 6, 0, 2 / 6].map((d) => expect.closeTo(d, 12)));
    expect(sums["clip_ratio/high_mean"]).toBe(1);
    expect(sums["clip_ratio/low_mean"]).toBe(1);
    expect(sums["clip_ratio/region_mean"]).toBe(2);
  });

  it("averages over all tokens with dapo", () => {
    const { value } = grpoLoss(batch, { ...plain, aggregation: "dapo" }, whole);
    expect(value).toBeCloseTo((-2.6 + 1 + 0.8 + 2) / 4, 12);
  });

  it("adds beta · k3 against the reference and takes the entropy bonus off", () => {
    const { value, dEntropies, sums } = grpoLoss(batch, { ...plain, beta: 0.5, entropyBonus: 0.01 }, whole);
    // Only the second token differs from the reference, by a factor ½: k3 = ½ + ln 2 − 1.
    const k3 = 0.5 + ln(2) - 1;
    expect(sums.kl).toBeCloseTo(k3, 12);
    const without = (-2.6 + 3.8 / 3) / 2;
    expect(value).toBeCloseTo(without + (0.5 * k3) / 6 - (0.01 * (1 + 9 / 3)) / 2, 12);
    expect([...dEntropies]).toEqual([-0.005, -0.01 / 6, -0.01 / 6, -0.01 / 6].map((d) => expect.closeTo(d, 12)));
  });

  it("gives no gradient where advantages are zero and nothing pulls on the policy", () => {
    const { value, dLogps } = grpoLoss({ ...batch, advantages: [0, 0, 0, 0] }, plain, whole);
    expect(value).toBeCloseTo(0, 15);
    expect(dLogps.every((d) => d === 0)).toBe(true);
  });
});

describe("grpoLoss derivatives", () => {
  it.each(["grpo", "dapo"] as const)("are those of central differences, %s", (aggregation) => {
    const rng = new Rng(1);
    const draw = (low: number, high: number) => Array.from({ length: 12 }, () => low + rng.uniform() * (high - low));
    const random: TokenBatch = {
      logps: draw(-3, -0.1),
      oldLogps: draw(-3, -0.1),
      refLogps: draw(-3, -0.1),
      entropies: draw(0, 2),
      advantages: draw(-2, 2),
      starts: [0, 5, 6, 12],
    };
    const options = { ...plain, aggregation, beta: 0.1, entropyBonus: 0.02 };
    const sizes = { attempts: 3, tokens: 12 };
    const { dLogps, dEntropies } = grpoLoss(random, options, sizes);
    const step = 1e-6;
    for (const [field, derivative] of [
      ["logps", dLogps],
      ["entropies", dEntropies],
    ] as const)
      for (let i = 0; i < 12; i++) {
        const at = (delta: number) => {
          const moved = Array.from(random[field]);
          moved[i] += delta;
          return grpoLoss({ ...random, [field]: moved }, options, sizes).value;
        };
        expect((at(step) - at(-step)) / (2 * step)).toBeCloseTo(derivative[i], 7);
      }
  });

  it("add up over micro-batches to those of the whole", () => {
    const all = grpoLoss(batch, { ...plain, beta: 0.1 }, whole);
    const slice = (from: number, to: number, starts: number[]): TokenBatch => ({
      logps: Array.from(batch.logps).slice(from, to),
      oldLogps: Array.from(batch.oldLogps).slice(from, to),
      refLogps: Array.from(batch.refLogps!).slice(from, to),
      entropies: Array.from(batch.entropies).slice(from, to),
      advantages: Array.from(batch.advantages).slice(from, to),
      starts,
    });
    const parts = [slice(0, 1, [0, 1]), slice(1, 4, [0, 3])].map((part) =>
      grpoLoss(part, { ...plain, beta: 0.1 }, whole),
    );
    expect(parts[0].value + parts[1].value).toBeCloseTo(all.value, 14);
    expect([...parts[0].dLogps, ...parts[1].dLogps]).toEqual([...all.dLogps]);
  });
});
