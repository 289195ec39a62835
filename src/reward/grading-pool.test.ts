import { afterAll, describe, expect, test } from "vitest";
import { openGradingPool } from "./grading-pool.ts";

const pool = openGradingPool({ timeoutMs: 10_000 });
afterAll(() => pool.close());

test("what the cheap tiers decide is said at once, on this thread", () => {
  expect(pool.judge("5.0", "5")).toMatchObject({ equal: true, tier: "number" });
  expect(pool.judge("\\frac{1}{2}", "0.5")).toMatchObject({ equal: true });
  expect(pool.judge("Thursday", "Friday")).toMatchObject({ equal: false });
  expect(pool.judge("5", " ")).toMatchObject({ equal: null });
  expect(pool.judge("{".repeat(100_000), "5")).toMatchObject({ equal: false });
});

describe("what takes computer algebra", () => {
  test("is judged on a thread, side by side with what never ends there", async () => {
    const judged = await Promise.all([
      pool.judge("5050", "\\sum_{n=1}^{100} n"),
      pool.judge("5", "\\prod_{k=1}^{10^9} k"),
      pool.judge("9^{9^{9^9}}", "7"),
      pool.judge("5051", "\\sum_{n=1}^{100} n"),
    ]);
    expect(judged[0]).toEqual({ equal: true, tier: "symbolic" });
    // The library itself gives up, by the clock, or the pool ends its thread.
    expect(judged[1]).toMatchObject({ equal: null, tier: "symbolic" });
    expect(judged[2].equal).not.toBe(true);
    expect(judged[3]).toEqual({ equal: false, tier: "symbolic" });
  });

  test("is stopped when its time is over, and the reason said", async () => {
    const hasty = openGradingPool({ timeoutMs: 50 });
    const reason = "over the time limit of 0.05 s";
    expect(await hasty.judge("5", "\\prod_{k=1}^{10^9} k")).toEqual({ equal: null, tier: "symbolic", reason });
    await hasty.close();
  });

  test("is judged once for the same answer to the same question", () => {
    expect(pool.judge("5050", "\\sum_{n=1}^{100} n")).toBe(pool.judge("5050", "\\sum_{n=1}^{100} n"));
  });
});
