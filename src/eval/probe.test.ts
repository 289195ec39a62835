import { describe, expect, test } from "vitest";
import type { StopReason } from "../records/attempt.ts";
import { summarizeProbe } from "./probe.ts";
import type { Measured } from "./summarize.ts";

const attempt = (correct: number | null, tokens = 20, stop: StopReason = "eos"): Measured => ({
  parts: { correct, format: stop === "length" ? 0 : 1, flexible: 1 },
  stop,
  tokens,
  answer: "1",
});
/** A problem solved in `right` of `of` attempts. */
const solved = (right: number, of = 8) => Array.from({ length: of }, (_, i) => attempt(i < right ? 1 : 0));

test("problems are counted by how often they were solved", () => {
  const probe = summarizeProbe([solved(0, 4), solved(0, 4), solved(1, 4), solved(4, 4)], 64);
  expect(probe.solvedBy).toEqual([2, 1, 0, 0, 1]);
  expect([probe.problems, probe.attempts, probe.correctShare, probe.formatShare, probe.flexibleShare]).toEqual([
    4,
    4,
    5 / 16,
    1,
    1,
  ]);
});

test("the share of groups with spread is estimated for smaller groups, too", () => {
  // Of the 6 pairs of 4 attempts with 2 right, 4 mix; of those with 1 right, 3 mix.
  const { spread } = summarizeProbe([solved(2, 4), solved(1, 4)], 64);
  expect(spread.map(({ group }) => group)).toEqual([2, 4]);
  expect(spread[0].share).toBeCloseTo((4 / 6 + 3 / 6) / 2, 12);
  expect(spread[1].share).toBe(1);
});

describe("the suggested group", () => {
  test("is the smallest at which half of the groups have spread", () => {
    expect(summarizeProbe([solved(4), solved(4), solved(0)], 64).suggestedGroup).toBe(4);
    // C(8, 4) = 70, of which C(7, 4) = 35 miss the one right attempt: a half at 4 of those, so a quarter of all.
    expect(summarizeProbe([solved(1), solved(0)], 64).suggestedGroup).toBe(8);
  });

  test("is larger than what was tried where spread still grows, and no larger where it does not", () => {
    expect(summarizeProbe([solved(1), solved(0), solved(0)], 64).suggestedGroup).toBe(16);
    expect(summarizeProbe([solved(8), solved(0), solved(0)], 64).suggestedGroup).toBe(8);
  });
});

describe("the suggested length", () => {
  test("holds what ends, and a quarter more, in sixteens, up to the limit", () => {
    expect(summarizeProbe([solved(4)], 256).suggestedLength).toBe(32);
    const long = Array.from({ length: 8 }, () => attempt(1, 240));
    expect(summarizeProbe([long], 256).suggestedLength).toBe(256);
  });

  test("doubles where many are cut off; none that ended have no lengths", () => {
    const cut = Array.from({ length: 8 }, () => attempt(0, 256, "length"));
    const probe = summarizeProbe([cut], 256);
    expect([probe.suggestedLength, probe.truncatedShare, probe.endedLength]).toEqual([512, 1, null]);
    const mixed = [...cut.slice(4), ...solved(4, 4)];
    expect(summarizeProbe([mixed], 256).endedLength).toEqual({ median: 20, p95: 20 });
  });
});

test("an ungradable attempt is counted as such and as not solved", () => {
  const probe = summarizeProbe([[attempt(null), attempt(1)]], 64);
  expect([probe.ungradableShare, probe.correctShare, probe.solvedBy]).toEqual([0.5, 0.5, [0, 1, 0]]);
});
