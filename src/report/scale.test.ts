import { expect, test } from "vitest";
import { linearScale, logScale, niceStep } from "./scale.ts";

test("steps are 1, 2 or 5 times a power of ten", () => {
  expect([10, 1, 0.93, 4.3, 600, 0.002].map((span) => niceStep(span, 5))).toEqual([2, 0.2, 0.2, 1, 200, 0.0005]);
});

test("a linear axis grows to whole steps and maps its ends to the pixels", () => {
  const scale = linearScale([0.02, 4.3], [160, 10], { ticks: 5, nice: true });
  expect(scale.domain).toEqual([0, 5]);
  expect(scale.ticks).toEqual([0, 1, 2, 3, 4, 5]);
  expect([0, 2.5, 5].map(scale.map)).toEqual([160, 85, 10]);
});

test("tick labels carry the digits the step needs", () => {
  const labels = (low: number, high: number, percent = false) => {
    const scale = linearScale([low, high], [0, 1], { ticks: 5, nice: true, percent });
    return scale.ticks.map(scale.label);
  };
  expect(labels(-0.02, 0.03)).toEqual(["−0.02", "−0.01", "0", "0.01", "0.02", "0.03"]);
  expect(labels(0, 0.002)).toEqual(["0", "5e-4", "1e-3", "1.5e-3", "2e-3"]);
  expect(labels(38_000, 46_000)).toEqual(["38k", "40k", "42k", "44k", "46k"]);
  expect(labels(0, 0.5, true)).toEqual(["0 %", "10 %", "20 %", "30 %", "40 %", "50 %"]);
});

test("an axis of one value has room around it, and step axes keep to whole numbers", () => {
  expect(linearScale([3, 3], [0, 100], { ticks: 4, nice: false, whole: true }).ticks).toEqual([2, 3, 4]);
  const flat = linearScale([0, 0], [100, 0], { ticks: 4, nice: true });
  expect(flat.map(0)).toBeGreaterThan(0);
  expect(flat.map(0)).toBeLessThanOrEqual(100);
});

test("a log axis gives each decade the same height", () => {
  const scale = logScale([1e-4, 1], [160, 0]);
  expect(scale.ticks).toEqual([1e-4, 1e-3, 0.01, 0.1, 1]);
  expect(scale.ticks.map(scale.label)).toEqual(["1e-4", "1e-3", "0.01", "0.1", "1"]);
  for (const [i, tick] of scale.ticks.entries()) expect(scale.map(tick)).toBeCloseTo(160 - 40 * i, 9);
  expect(logScale([0.3, 6], [1, 0]).domain).toEqual([0.2, 10]);
  expect(logScale([0.3, 6], [1, 0]).ticks).toEqual([0.2, 0.5, 1, 2, 5, 10]);
});
