import { describe, expect, it } from "vitest";
import { mcnemarP } from "./statistics.ts";

describe("mcnemarP", () => {
  it.each([
    // By hand: 2 · (C(10,0) + C(10,1) + C(10,2)) / 2^10.
    [8, 2, (2 * (1 + 10 + 45)) / 1024],
    [2, 8, (2 * (1 + 10 + 45)) / 1024],
    [5, 0, 2 / 32],
    [4, 4, 1],
    [0, 0, 1],
  ])("%i gained and %i lost", (gained, lost, p) => {
    expect(mcnemarP(gained, lost)).toBeCloseTo(p, 12);
  });

  it("does not overflow for thousands", () => {
    // Normal approximation with continuity correction: z = (200 − 1) / sqrt(4000), p = 0.00165.
    expect(mcnemarP(2100, 1900)).toBeCloseTo(0.00165, 4);
  });
});
