import { describe, expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { mathFormer } from "../model/config.ts";
import { describeShares } from "../model/expert-use.ts";
import { EpochOrder } from "./epoch-order.ts";
import { automaticMicroBatch, fillMicroBatches } from "./micro-batches.ts";

const rowsOf = (prompt: number, ...completions: number[]) => ({
  prompt: new Array(prompt).fill(1),
  completions: completions.map((length) => new Array(length).fill(2)),
});

it("fills micro-batches to their budget in order; a completion's last token needs no row", () => {
  // 4 + 2 = 6 rows, 5, 12, 1.
  const sequences = [rowsOf(4, 3), rowsOf(3, 3, 1), rowsOf(10, 3), rowsOf(1, 1)];
  expect(fillMicroBatches(sequences, 11)).toEqual([
    [0, 2],
    [2, 3],
    [3, 4],
  ]);
  expect(fillMicroBatches(sequences, 1000)).toEqual([[0, 4]]);
  expect(fillMicroBatches([], 10)).toEqual([]);
});

it("goes through every item once an epoch, in an order that depends on the step alone", () => {
  const items = Array.from({ length: 10 }, (_, i) => i);
  const order = new EpochOrder(items, [3, 1]);
  const steps = Array.from({ length: 5 }, (_, step) => order.at(step, 4));
  const epochs = steps.flat();
  expect([...epochs.slice(0, 10)].sort((a, b) => a - b)).toEqual(items);
  expect([...epochs.slice(10)].sort((a, b) => a - b)).toEqual(items);
  expect(epochs.slice(0, 10)).not.toEqual(epochs.slice(10));
  expect(epochs.slice(0, 10)).toEqual(new Rng(3, 1, 0).shuffle([...items]));
  expect(order.at(2, 4)).toEqual(steps[2]);
  expect(new EpochOrder(items, [3, 1]).at(2, 4)).toEqual(steps[2]);
  expect(() => new EpochOrder([], [3, 1])).toThrow(DataError);
});

it("describes how evenly experts are used", () => {
  expect(describeShares([5, 5])).toEqual({ shares: [0.5, 0.5], entropy: expect.closeTo(Math.LN2, 14), maxOverMean: 1 });
  expect(describeShares([9, 0, 0])).toEqual({ shares: [1, 0, 0], entropy: 0, maxOverMean: 3 });
});

describe("automaticMicroBatch", () => {
  const size = {
    size: "tiny",
    width: 64,
    heads: 4,
    feedForward: 128,
    layers: 2,
    experts: 4,
    activeExperts: 2,
  } as const;
  const quickstart = mathFormer(size, 57);
  const wide = { ...mathFormer({ size: "large", block: "llama" }, 5000), layers: 4 };

  it("gives small models the most there is", () => {
    expect(automaticMicroBatch({ config: quickstart, lora: null }, { gradientCheckpointing: false })).toBe(8192);
  });

  it("gives large ones what takes 1 GiB, and more of them where less is kept", () => {
    const rows = (lora: { rank: number } | null, gradientCheckpointing: boolean) =>
      automaticMicroBatch({ config: wide, lora }, { gradientCheckpointing });
    // A row keeps 4 layers of two norms, four products of attention with its output, and three of 3072, in f32.
    const kept = 4 * 4 * (2 * 768 + 6 * 768 + 3 * 3072);
    expect(rows(null, false)).toBeLessThan(2 ** 30 / kept);
    expect(rows(null, false)).toBeGreaterThan(0.7 * (2 ** 30 / kept));
    expect(rows({ rank: 4 }, false)).toBeGreaterThan(rows(null, false));
    expect(rows({ rank: 4 }, true)).toBeGreaterThan(2 * rows({ rank: 4 }, false));
    expect(rows({ rank: 4 }, false) % 64).toBe(0);
  });
});
