import { expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import { stageDetails } from "./stage-details.ts";
import type { StageResult } from "./summary.ts";

const result = (name: string, over: Partial<StageResult> = {}): StageResult => ({
  name,
  kind: "rl",
  accuracy: 0.5,
  ci95: [0.4, 0.6],
  formatAccuracy: 0.25,
  n: 100,
  seconds: 2,
  meanLength: 40,
  truncatedShare: 0.004,
  ...over,
});
const titles = (text: string) => [...text.matchAll(/<h4>(.*?)<\/h4>/g)].map(([, title]) => title);

test("each figure that all stages have is a chart with a bar for each stage", () => {
  const sampled = { attempts: 4, temperature: 1, topP: 1, meanLength: 1, truncatedShare: 0 };
  const share = { value: 0.75, ci95: [0, 1] as [number, number] };
  const further = { sampled: { ...sampled, passAt: [{ k: 4, ...share }], majority: share } };
  const text =
    stageDetails([result("sft", further), result("a long name of a stage", { meanLength: 20, ...further })])?.text ??
    "";
  expect(markupProblems(text)).toEqual([]);
  expect(titles(text)).toEqual([
    "Well formed",
    "Tokens of a completion",
    "Cut off at the length limit",
    "pass@4",
    "maj@4",
  ]);
  // 192 pixels are 100 %, or the longest of 40 and 20 tokens.
  expect([...text.matchAll(/class="bar"[^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width))).toEqual([
    48, 48, 192, 96, 0.8, 0.8, 144, 144, 144, 144,
  ]);
  expect(text).toContain("a long name of…");
  expect(text).toContain('aria-label="Cut off at the length limit: sft 0.40 %;');
});

test("runs of earlier versions, and single stages, have none", () => {
  const old = { meanLength: undefined, truncatedShare: undefined };
  expect(stageDetails([result("sft", old), result("rl", old)])).toBeNull();
  expect(stageDetails([result("sft")])).toBeNull();
  const mixed = stageDetails([result("sft", { flexibleAccuracy: 0.3 }), result("rl")])?.text ?? "";
  expect(titles(mixed)).not.toContain("Right in any form");
});
