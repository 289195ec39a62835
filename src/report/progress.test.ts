import fc from "fast-check";
import { expect, test } from "vitest";
import { formatProgress, type ProgressState } from "./progress.ts";
import { displayWidth } from "./text-width.ts";

const state: ProgressState = {
  stage: "grpo",
  step: 120,
  totalSteps: 400,
  values: { loss: 0.0123, reward: 0.6204, kl: 0.01302, "perf/tokens_per_second": 12_345 },
  secondsLeft: 125,
};

test("a wide line holds everything", () => {
  expect(formatProgress(state, 120)).toBe(
    "grpo  ━━━━━━━━────────────────────  120/400  reward 0.62  loss 0.012  KL 0.013  12.3k tokens/s  2:05 left",
  );
});

test("a narrow line gives up fields in order", () => {
  expect(formatProgress(state, 80)).toBe(
    "grpo  ━━────  120/400  reward 0.62  loss 0.012  KL 0.013  12.3k tok/s  2:05 left",
  );
  expect(formatProgress(state, 74)).toBe("grpo  ━━━───────  120/400  reward 0.62  loss 0.012  12.3k tok/s  2:05 left");
  expect(formatProgress(state, 60)).toBe("grpo  ━━━──────  120/400  reward 0.62  loss 0.012  2:05 left");
  expect(formatProgress(state, 40)).toBe("grpo  120/400  reward 0.62  2:05 left");
  expect(formatProgress(state, 20)).toBe("grpo  120/400");
  expect(formatProgress(state, 8)).toBe("grpo  1…");
});

test("supervised stages, unknown totals and values that are not finite", () => {
  expect(
    formatProgress({ stage: "pretrain", step: 3, totalSteps: 0, values: { loss: Number.NaN }, secondsLeft: null }, 80),
  ).toBe("pretrain  step 3  loss NaN");
  expect(formatProgress({ ...state, step: 999 }, 120)).toContain("━".repeat(28));
});

test("no line is wider than the terminal", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.string(),
      fc.nat(1e7),
      fc.nat(1e7),
      fc.double(),
      (width, stage, step, totalSteps, loss) => {
        const line = formatProgress(
          { stage, step, totalSteps, values: { ...state.values, loss }, secondsLeft: step },
          width,
        );
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});
