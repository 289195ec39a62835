import { expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { cispoLoss } from "./cispo.ts";
import { grpoLoss } from "./grpo.ts";
import { reinforceLoss } from "./reinforce.ts";
import type { TokenBatch } from "./token-batch.ts";

const ln = Math.log;

/** Attempts of 1 and 2 tokens; ratios 4 | 3, 0.5. */
const batch: TokenBatch = {
  logps: [ln(0.8), ln(0.6), ln(0.1)],
  oldLogps: [ln(0.2), ln(0.2), ln(0.2)],
  refLogps: null,
  entropies: [1, 1, 1],
  advantages: [2, -1, -1],
  starts: [0, 1, 3],
};
const whole = { attempts: 2, tokens: 3, maxLength: 10 };
const plain = { beta: 0, entropyBonus: 0, aggregation: "dapo" as const };
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));

it("cispo cuts the ratio and keeps the gradient", () => {
  const { value, dLogps, sums } = cispoLoss(batch, { ...plain, clipHigh: 1 }, whole);
  // Ratios 2 (of 4), 2 (of 3), 0.5.
  expect(value).toBeCloseTo((-2 * 2 * ln(0.8) + 2 * ln(0.6) + 0.5 * ln(0.1)) / 3, 12);
  expect([...dLogps]).toEqual(close([-4 / 3, 2 / 3, 0.5 / 3]));
  // TRL counts what is cut where the advantage is positive.
  expect(sums).toEqual({ cispo_clip_ratio: 1 });
});

it("reinforce knows no ratio", () => {
  const { value, dLogps } = reinforceLoss(batch, plain, whole);
  expect(value).toBeCloseTo((-2 * ln(0.8) + ln(0.6) + ln(0.1)) / 3, 12);
  expect([...dLogps]).toEqual(close([-2 / 3, 1 / 3, 1 / 3]));
});

it("grpo's dual clip holds large ratios of bad attempts", () => {
  const options = { ...plain, clipLow: 0.2, clipHigh: 0.3, delta: 2 };
  const { value, dLogps, sums } = grpoLoss(batch, options, whole);
  // 1.3 · 2; then 3 cut at 2, and 0.5 at 0.8.
  expect(value).toBeCloseTo((-2.6 + 2 + 0.8) / 3, 12);
  expect([...dLogps]).toEqual([0, 0, 0]);
  expect(sums).toMatchObject({ "clip_ratio/delta_mean": 1, "clip_ratio/low_mean": 1, "clip_ratio/high_mean": 1 });
  expect(grpoLoss(batch, { ...options, delta: undefined }, whole).dLogps[1]).toBeCloseTo(1, 12);
});

it("dr_grpo divides by the longest completion there may be", () => {
  const options = { ...plain, aggregation: "dr_grpo" as const };
  expect([...reinforceLoss(batch, options, whole).dLogps]).toEqual(close([-2 / 20, 1 / 20, 1 / 20]));
  expect(() => reinforceLoss(batch, options, { attempts: 2, tokens: 3 })).toThrow(ConfigError);
});

it("factors weigh an algorithm's own term, not KL or entropy", () => {
  const held = { ...plain, beta: 0.5, klEstimator: "k1" as const, entropyBonus: 0.1 };
  const { value, dLogps, dEntropies } = reinforceLoss(
    { ...batch, refLogps: batch.oldLogps, factors: [0, 2, 1] },
    held,
    whole,
  );
  expect(value).toBeCloseTo((2 * ln(0.6) + ln(0.1) + 0.5 * ln(4 * 3 * 0.5) - 0.3) / 3, 12);
  expect([...dLogps]).toEqual(close([0.5 / 3, 2.5 / 3, 1.5 / 3]));
  expect([...dEntropies]).toEqual(close([-0.1 / 3, -0.1 / 3, -0.1 / 3]));
});

it("a step's own KL coefficient takes beta's place", () => {
  const held = { ...batch, refLogps: batch.oldLogps };
  const step = { ...whole, klCoefficient: 0.3 };
  expect(reinforceLoss(held, { ...plain, beta: 0.1 }, step)).toEqual(
    reinforceLoss(held, { ...plain, beta: 0.3 }, whole),
  );
});
