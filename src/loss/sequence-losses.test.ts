import { expect, it } from "vitest";
import { gspoLoss } from "./gspo.ts";
import { rlooLoss } from "./rloo.ts";
import type { TokenBatch } from "./token-batch.ts";

const ln = Math.log;

/** Attempts of 2, 1 and 2 tokens, ratios 4, 1 | 0.5 | 1, 1.21; advantages 1, −1, 2. */
const batch: TokenBatch = {
  logps: [ln(0.8), ln(0.5), ln(0.1), ln(0.3), ln(0.242)],
  oldLogps: [ln(0.2), ln(0.5), ln(0.2), ln(0.3), ln(0.2)],
  refLogps: null,
  entropies: [0, 0, 0, 0, 0],
  advantages: [1, 1, -1, 2, 2],
  starts: [0, 2, 3, 5],
};
const whole = { attempts: 3, tokens: 5 };
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));

it("gspo clips an attempt by the geometric mean of its ratios", () => {
  const options = { clipLow: 0.2, clipHigh: 0.3, beta: 0, entropyBonus: 0, aggregation: "grpo" as const };
  const { value, dLogps, sums } = gspoLoss(batch, options, whole);
  // √4 = 2, cut at 1.3; 0.5, cut at 0.8; √1.21 = 1.1, which each token moves by half.
  expect(value).toBeCloseTo((-1.3 + 0.8 - 2.2) / 3, 12);
  expect([...dLogps]).toEqual(close([0, 0, 0, -1.1 / 3, -1.1 / 3]));
  expect(sums).toEqual({ "clip_ratio/low_mean": 1, "clip_ratio/high_mean": 2, "clip_ratio/region_mean": 3 });
  // Weighed by tokens: twice 1.3 and 2.2, once 0.8, of 5.
  expect(gspoLoss(batch, { ...options, aggregation: "dapo" }, whole).value).toBeCloseTo((-2.6 + 0.8 - 4.4) / 5, 12);
});

it("rloo clips an attempt by the product of its ratios, and sums over its tokens", () => {
  const { value, dLogps, sums } = rlooLoss(batch, { clipLow: 0.2, clipHigh: 0.3, beta: 0, entropyBonus: 0 }, whole);
  // 4, cut at 1.3; 0.5, cut at 0.8; 1.21, which every token moves wholly.
  expect(value).toBeCloseTo((-1.3 + 0.8 - 2.42) / 3, 12);
  expect([...dLogps]).toEqual(close([0, 0, 0, -2.42 / 3, -2.42 / 3]));
  expect(sums["clip_ratio/high_mean"]).toBe(2);
  const held = rlooLoss({ ...batch, refLogps: batch.oldLogps }, { ...clipless, beta: 0.1, klEstimator: "k1" }, whole);
  // Σ (logp − refLogp) is the logarithm of each attempt's ratio.
  expect(held.value).toBeCloseTo((-4 + 0.5 - 2.42 + 0.1 * (ln(4) + ln(0.5) + ln(1.21))) / 3, 12);
});

const clipless = { clipLow: 1, clipHigh: 10, entropyBonus: 0 };

it("a batch's factors weigh the terms, and what moves them", () => {
  const weighed = { ...batch, factors: [1, 0, 3, 1, 2] };
  const options = { ...clipless, beta: 0, aggregation: "grpo" as const };
  const gspo = gspoLoss(weighed, options, whole);
  // Means of factors: ½, 3 and 1½, times the terms −2, 0.5 and −2.2.
  expect(gspo.value).toBeCloseTo((-1 + 1.5 - 3.3) / 3, 12);
  expect(gspo.dLogps[4]).toBeCloseTo(((-2.2 * 1.5) / 2 / 3) * 1, 12);
  expect(rlooLoss(weighed, options, whole).value).toBeCloseTo((-2 + 1.5 - 3.63) / 3, 12);
});
