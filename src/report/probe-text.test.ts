import { expect, test } from "vitest";
import type { ProbeSummary } from "../records/evaluation.ts";
import { probeText, probeVerdict, solveHistogram } from "./probe-text.ts";

const probe = (over: Partial<ProbeSummary> = {}): ProbeSummary => ({
  problems: 32,
  attempts: 4,
  solvedBy: [16, 4, 4, 4, 4],
  correctShare: 0.3125,
  formatShare: 0.9,
  flexibleShare: 0.35,
  ungradableShare: 0,
  truncatedShare: 0.02,
  meanLength: 41.25,
  endedLength: { median: 38, p95: 70 },
  spread: [
    { group: 2, share: 0.2 },
    { group: 4, share: 0.375 },
  ],
  suggestedGroup: 8,
  suggestedLength: 96,
  ...over,
});

test("a probe in plain words, with a histogram", () => {
  expect(probeText(probe(), { limit: 128, temperature: 1 })).toBe(
    [
      "Reinforcement has something to learn from.",
      "",
      "solved in, problems",
      "0 of 4  ████████████████████████████████████████ 16",
      "1 of 4  ██████████ 4",
      "2 of 4  ██████████ 4",
      "3 of 4  ██████████ 4",
      "4 of 4  ██████████ 4",
      "",
      "solved       31 % of attempts; 50 % of problems never, 13 % always",
      "no spread    63 % of groups of 4: all right or all wrong, they teach nothing",
      "well formed  90 % of attempts; 4 % have the right number where the form does not mark it",
      "cut off      2 % of attempts, at 128 tokens",
      "length       41.3 tokens on average; of those that ended half took up to 38, 95 % up to 70",
      "",
      "suggested",
      "group        8 (groups with spread at temperature 1: 20 % of 2, 38 % of 4)",
      "maxNewTokens 96 (enough for nearly all that end; now 128)",
    ].join("\n"),
  );
});

test("many attempts are put together; none and all stay apart, and few problems are still seen", () => {
  const solvedBy = Array.from({ length: 65 }, (_, c) => (c === 0 ? 1000 : c === 3 ? 1 : 0));
  const lines = solveHistogram({ solvedBy, attempts: 64 }).split("\n").slice(1);
  expect(lines).toHaveLength(15);
  expect(lines[0]).toBe(`    0 of 64  ${"█".repeat(40)} 1,000`);
  expect(lines[1]).toBe("  1–5 of 64  ▏ 1");
  expect(lines.at(-1)).toBe("   64 of 64  0");
});

test.each([
  ["cut off", { truncatedShare: 0.6 }],
  ["format", { correctShare: 0, flexibleShare: 0.1 }],
  ["too hard", { correctShare: 0, flexibleShare: 0 }],
  ["too easy", { solvedBy: [2, 0, 0, 2, 28], correctShare: 0.92 }],
  ["format", { formatShare: 0.3 }],
  ["little spread", { spread: [{ group: 4, share: 0.1 }] }],
  ["ready", {}],
] as const)("the verdict is %s", (verdict, over) => {
  expect(probeVerdict(probe(over as Partial<ProbeSummary>)).verdict).toBe(verdict);
});
