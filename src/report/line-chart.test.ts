import { expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import { bandPath, type LineChartSpec, lineChart, linePath, spreadLabels } from "./line-chart.ts";
import { linearScale, logScale } from "./scale.ts";
import type { Point } from "./series.ts";

const points = (values: readonly number[]): Point[] => values.map((value, i) => ({ step: i + 1, value }));
const x = linearScale([0, 4], [0, 40], { ticks: 4, nice: false });
const y = linearScale([0, 10], [100, 0], { ticks: 5, nice: true });
const spec = (values: readonly number[], rest: Partial<LineChartSpec> = {}): LineChartSpec => ({
  title: "Loss",
  caption: "falls",
  lines: [{ label: "loss", points: points(values) }],
  ...rest,
});

test("a path goes through the points and breaks where a value is not finite", () => {
  expect(linePath(points([0, 5, 10, 2.5]), x, y)).toBe("M10 100L20 50L30 0L40 75");
  expect(linePath(points([0, Number.NaN, 10, Number.POSITIVE_INFINITY]), x, y)).toBe("M10 100M30 0");
  expect(linePath(points([0, 1, 100]), x, logScale([1, 100], [100, 0]))).toBe("M20 100L30 0");
});

test("a band lies between mean ± spread and inside the plot", () => {
  expect(bandPath(points([5, 9]), points([1, 3]), x, y)).toBe("M10 40L20 0L20 40L10 60Z");
});

test("labels are pushed apart, keep their order and stay inside", () => {
  expect(spreadLabels([50, 52, 10], 13, 0, 160)).toEqual([50, 63, 10]);
  expect(spreadLabels([158, 160], 13, 0, 160)).toEqual([147, 160]);
});

test("the axis, the line and the read-out data of a small chart, by hand", () => {
  const text = lineChart(spec([1, 3, 2, 4]))?.text ?? "";
  expect(markupProblems(text)).toEqual([]);
  // 360 wide: steps 0 … 4 from 46 to 352, values 0 … 4 from 160 up to 14.
  expect(text).toContain('d="M122.5 123.5L199 50.5L275.5 87L352 14"');
  expect(text).toContain('data-steps="1 2 3 4" data-values="1|3|2|4"');
  expect(text).toContain('data-plot="0 4 46 352 14 160"');
  expect(text).toContain('aria-label="Loss: loss from 1 to 4, steps 1 to 4"');
  expect(text).toContain('<output class="now">4</output>');
});

test("a value range of two decades takes a log axis unless told otherwise", () => {
  expect(lineChart(spec([100, 1]))?.text).toContain("log scale");
  expect(lineChart(spec([100, 1], { axis: "linear" }))?.text).not.toContain("log scale");
  expect(lineChart(spec([100, 0]))?.text).not.toContain("log scale");
});

test("one point is a dot; no finite point is no chart; NaN is counted", () => {
  const single = lineChart(spec([2.5]))?.text ?? "";
  expect(single).toContain("<circle");
  expect(single).not.toContain("NaN");
  expect(lineChart(spec([]))).toBeNull();
  expect(lineChart(spec([Number.NaN, Number.NaN]))).toBeNull();
  expect(lineChart(spec([1, Number.NaN, 2]))?.text).toContain("1 value was not finite and is left out.");
  expect(lineChart(spec([1, Number.NaN, Number.NaN]))?.text).toContain("2 values were not finite and are left out.");
});

test("many noisy points are thinned and overlaid by a smooth line; exact ones are not smoothed", () => {
  const noisy = Array.from({ length: 10_000 }, (_, i) => Math.sin(i * 12.9898) + 2);
  const text = lineChart(spec(noisy))?.text ?? "";
  const steps = /data-steps="([^"]*)"/.exec(text)?.[1].split(" ") ?? [];
  expect(steps.length).toBeLessThanOrEqual(400);
  expect(text).toContain('class="raw s0"');
  expect(text.length).toBeLessThan(20_000);
  expect(lineChart(spec(noisy, { exact: true }))?.text).not.toContain('class="raw');
});

test("several lines are labelled where they end and differ in their dashes", () => {
  const lines = [
    { label: "mean", points: points([1, 2]) },
    { label: "longest", points: points([5, 2]) },
  ];
  const text = lineChart(spec([], { lines }))?.text ?? "";
  expect(markupProblems(text)).toEqual([]);
  expect(text).toMatch(/class="label s0"[^>]*>mean</);
  expect(text).toContain('stroke-dasharray="5 3"');
});
