import { describe, expect, it } from "vitest";
import { centredRewards, sequenceAdvantages } from "./sequence.ts";
import { whiten } from "./whiten.ts";

describe("advantages of whole attempts", () => {
  it("keep the reward of a single attempt and centre those of a group", () => {
    expect(centredRewards([[0.7], [1, 0, 0.5]])).toEqual([[0.7], [0.5, -0.5, 0]]);
  });

  it("are centred reward − value", () => {
    expect(sequenceAdvantages([[0.5, -0.5], [1]], [[0.25, 0.25], [0.75]])).toEqual([[0.25, -0.75], [0.25]]);
  });
});

describe("whiten", () => {
  it("subtracts the mean and divides by the sample deviation", () => {
    // Mean 2, sample variance (4 + 0 + 4) / 2 = 4.
    const whitened = whiten([0, 2, 4], { eps: 0 });
    expect([...whitened]).toEqual([-1, 0, 1]);
  });

  it("leaves one number alone and makes equal ones zero", () => {
    expect([...whiten([3])]).toEqual([3]);
    expect([...whiten([3, 3])]).toEqual([0, 0]);
  });
});
