import { describe, expect, it } from "vitest";
import { groupAdvantages, hasSpread } from "./group.ts";

describe("groupAdvantages", () => {
  const rewards = [
    [1, 0, 0, 1],
    [3, 3, 3, 3],
  ];

  it("divides by the group's sample deviation", () => {
    // Mean ½, sample variance 4·¼/3.
    const scaled = 0.5 / (Math.sqrt(1 / 3) + 1e-4);
    expect(groupAdvantages(rewards, { scale: "group" })).toEqual([
      [scaled, -scaled, -scaled, scaled].map((a) => expect.closeTo(a, 12)),
      [0, 0, 0, 0],
    ]);
  });

  it("divides by the deviation of all rewards with batch, by nothing with none", () => {
    // All eight: mean 1.75, squares (2·0.75² + 2·1.75² + 4·1.25²) = 13.5, over 7.
    const batch = 0.5 / (Math.sqrt(13.5 / 7) + 1e-4);
    expect(groupAdvantages(rewards, { scale: "batch" })[0][0]).toBeCloseTo(batch, 12);
    expect(groupAdvantages(rewards, { scale: "none" })).toEqual([
      [0.5, -0.5, -0.5, 0.5],
      [0, 0, 0, 0],
    ]);
  });

  it("yields exact zeros for a constant group, whatever rounding does to its mean", () => {
    expect(groupAdvantages([[0.1, 0.1, 0.1]], { scale: "group" })).toEqual([[0, 0, 0]]);
    expect(hasSpread([0.1, 0.1, 0.1])).toBe(false);
    expect(hasSpread([0.1, 0.1, 0.2])).toBe(true);
  });
});
