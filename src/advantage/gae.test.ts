import { describe, expect, it } from "vitest";
import { gae } from "./gae.ts";

const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));

describe("gae by hand", () => {
  const attempt = { rewards: [0, -0.5, 2], values: [1, 0.5, 0.25], valueAfter: 0 };

  it("discounts what later tokens brought beyond expectation", () => {
    // δ = [0 + 0.9·0.5 − 1, −0.5 + 0.9·0.25 − 0.5, 2 − 0.25] = [−0.55, −0.775, 1.75]; γλ = 0.72.
    const { advantages, returns } = gae(attempt, { gamma: 0.9, lambda: 0.8 });
    const last = 1.75;
    const middle = -0.775 + 0.72 * last;
    const first = -0.55 + 0.72 * middle;
    expect([...advantages]).toEqual(close([first, middle, last]));
    expect([...returns]).toEqual(close([first + 1, middle + 0.5, last + 0.25]));
  });

  it("is return − value with γ = λ = 1, whatever the values between", () => {
    const { advantages, returns } = gae(attempt, { gamma: 1, lambda: 1 });
    expect([...returns]).toEqual(close([1.5, 1.5, 2]));
    expect([...advantages]).toEqual(close([0.5, 1, 1.75]));
  });

  it("is one step's surprise with λ = 0", () => {
    const { advantages } = gae(attempt, { gamma: 1, lambda: 0 });
    expect([...advantages]).toEqual(close([-0.5, -0.75, 1.75]));
  });

  it("counts on what would have come after a cut", () => {
    const { advantages } = gae({ ...attempt, valueAfter: 0.4 }, { gamma: 0.5, lambda: 0 });
    expect(advantages[2]).toBeCloseTo(2 + 0.5 * 0.4 - 0.25, 12);
  });

  it("finds nothing to teach where a critic is perfect, nor in an attempt of no tokens", () => {
    const perfect = { rewards: [0, 0, 1], values: [0.81, 0.9, 1], valueAfter: 0 };
    expect([...gae(perfect, { gamma: 0.9, lambda: 0.7 }).advantages]).toEqual(close([0, 0, 0]));
    expect(gae({ rewards: [], values: [], valueAfter: 0 }, { gamma: 1, lambda: 1 }).advantages.length).toBe(0);
  });
});
