import { expect, test } from "vitest";
import { decimate, finiteCount, type Point, smooth, smoothingRadius, thin } from "./series.ts";

const points = (values: readonly number[]): Point[] => values.map((value, step) => ({ step, value }));
const wave = (count: number) => points(Array.from({ length: count }, (_, i) => Math.sin(i / 50)));

test("decimation keeps ends, order, and a spike of one step", () => {
  const curve = wave(10_000);
  curve[4321] = { step: 4321, value: 99 };
  curve[8765] = { step: 8765, value: -99 };
  const kept = decimate(curve, 400);
  expect(kept.length).toBeLessThanOrEqual(400);
  expect(kept.length).toBeGreaterThan(300);
  expect(kept[0]).toEqual(curve[0]);
  expect(kept.at(-1)).toEqual(curve.at(-1));
  expect(kept).toContainEqual({ step: 4321, value: 99 });
  expect(kept).toContainEqual({ step: 8765, value: -99 });
  for (let i = 1; i < kept.length; i++) expect(kept[i].step).toBeGreaterThan(kept[i - 1].step);
});

test("decimation keeps a single value that is not finite", () => {
  const curve = wave(10_000);
  curve[5000] = { step: 5000, value: Number.NaN };
  const kept = decimate(curve, 400);
  expect(kept.length).toBeLessThanOrEqual(400);
  expect(kept.filter(({ value }) => Number.isNaN(value))).toEqual([{ step: 5000, value: Number.NaN }]);
});

test("short curves are kept whole; thinning keeps the ends", () => {
  expect(decimate(wave(400), 400)).toHaveLength(400);
  expect(thin(points([0, 1, 2, 3, 4, 5, 6, 7, 8]), 3).map(({ value }) => value)).toEqual([0, 4, 8]);
});

test("smoothing by hand: windows shrink at the start, are cut at the end, and pass over NaN", () => {
  const values = (curve: Point[]) => curve.map(({ value }) => value);
  expect(values(smooth(points([6, 0, 3, 9, 3]), 1))).toEqual([6, 3, 4, 5, 6]);
  expect(values(smooth(points([1, 2, Number.NaN, 4, 5]), 1))).toEqual([1, 1.5, Number.NaN, 4.5, 4.5]);
  expect(finiteCount(points([1, Number.NaN, Number.POSITIVE_INFINITY]))).toBe(1);
  expect([1, 23, 24, 400, 10_000].map(smoothingRadius)).toEqual([0, 0, 2, 8, 200]);
});
