import { expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import type { ExpertUse } from "../records/events.ts";
import { binShares, type ExpertHistory, expertCharts, loadLevel } from "./expert-chart.ts";

const use = (layer: number, shares: number[]): ExpertUse => ({
  layer,
  counts: shares,
  shares,
  entropy: 1,
  maxOverMean: 1,
});
const history: ExpertHistory = [
  { step: 1, layers: [use(0, [0.5, 0.5]), use(1, [0.9, 0.1])] },
  { step: 2, layers: [use(0, [0.7, 0.3]), use(1, [0.9, 0.1])] },
  { step: 3, layers: [use(0, [0.2, 0.8]), use(1, [0.9, 0.1])] },
  { step: 4, layers: [use(0, [0.4, 0.6]), use(1, [0.9, 0.1])] },
];

test("levels: 3 around the even share, symmetric in ratio", () => {
  expect(
    [0, 0.25 / 3.1, 0.25 / 2, 0.25 / 1.5, 0.25, 0.25 * 1.5, 0.25 * 2, 0.25 * 3.1].map((s) => loadLevel(s, 4)),
  ).toEqual([0, 0, 1, 2, 3, 4, 5, 6]);
});

test("bins are means over equal stretches", () => {
  const bins = binShares(history, 0, 2);
  expect(bins).toHaveLength(2);
  expect(bins[0][0]).toBeCloseTo(0.6, 12);
  expect(bins[1][1]).toBeCloseTo(0.7, 12);
  expect(binShares(history, 1, 99)).toHaveLength(4);
});

test("a layer that never changes is one rectangle per expert, labelled with its share", () => {
  const text = expertCharts(history, { limit: 100 })?.text ?? "";
  expect(markupProblems(text)).toEqual([]);
  expect(text).toContain('<path class="load5" d="M0 0h4v1h-4z"/>');
  expect(text).toContain('<path class="load0" d="M0 1h4v1h-4z"/>');
  expect(text).toContain(">90 %<");
  expect(expertCharts([], { limit: 100 })).toBeNull();
});
