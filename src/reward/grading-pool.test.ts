import { afterAll, describe, expect, test } from "vitest";
import { TimedWorkers } from "../base/timed-workers.ts";
import { openGradingPool } from "./grading-pool.ts";

const pool = openGradingPool();
afterAll(() => pool.close());

test("what the cheap tiers decide is said at once, on this thread", () => {
  expect(pool.judge("5.0", "5")).toEqual({ equal: true, tier: "number" });
  expect(pool.judge("Thursday", "Friday")).toMatchObject({ equal: false });
  expect(pool.judge("5", " ")).toMatchObject({ equal: null });
});

describe("the thread", () => {
  test("judges as judgeAnswer does", async () => {
    const workers = new TimedWorkers({
      url: new URL("./grading-worker.ts", import.meta.url),
      threads: 1,
      timeoutMs: 20_000,
    });
    const judged = await workers.run({ answer: "1,080", gold: "1080" });
    expect(judged).toEqual({ kind: "done", result: { equal: true, tier: "number" } });
    await workers.close();
  });
});
