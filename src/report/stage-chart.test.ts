import { expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import { finding, stageChart } from "./stage-chart.ts";
import type { StageResult } from "./summary.ts";

const result = (name: string, accuracy: number, ci95: [number, number]): StageResult => ({
  name,
  kind: "rl",
  accuracy,
  ci95,
  formatAccuracy: 1,
  n: 1000,
  seconds: 2,
});

test("bars and whiskers lie at their share of the 520 pixel track", () => {
  const text = stageChart([result("sft", 0.5, [0.4, 0.6])])?.text ?? "";
  expect(markupProblems(text)).toEqual([]);
  expect(text).toMatch(/class="bar" x="0" y="24" width="260"/);
  expect(text).toContain('d="M208 32H312M208 27v10M312 27v10"');
  expect(stageChart([])).toBeNull();
});

test("the finding names both stages' numbers and whether the intervals touch", () => {
  const sft = result("sft", 0.442, [0.411, 0.473]);
  expect(finding([sft, result("grpo", 0.785, [0.758, 0.809])])).toBe(
    "Stage grpo raised accuracy from 44.2 % to 78.5 % (+34.3 points, n = 1,000). The intervals do not overlap.",
  );
  expect(finding([sft, result("grpo", 0.43, [0.4, 0.46])])).toContain(
    "lowered accuracy from 44.2 % to 43.0 % (−1.2 points",
  );
  expect(finding([sft, result("grpo", 0.43, [0.4, 0.46])])).toContain("may be chance");
  expect(finding([result("sft", 0, [0, 0.01]), result("grpo", 0.0004, [0, 0.01])])).toBe(
    "Stage grpo left accuracy at 0.0 % (n = 1,000).",
  );
  expect(finding([sft])).toBeNull();
  const compared = (p: number) => ({
    ...result("grpo", 0.46, [0.43, 0.49]),
    paired: { against: "sft", mended: 30, broken: 12, p },
  });
  expect(finding([sft, compared(0.0075)])).toMatch(/n = 1,000\)\. McNemar's paired test: p 0\.0075\.$/);
  expect(finding([sft, compared(0.5)])).toMatch(/p 0\.50, so this may be chance\.$/);
});
