import { expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { describeShares } from "../model/expert-use.ts";
import { EpochOrder } from "./epoch-order.ts";
import { fillMicroBatches } from "./micro-batches.ts";

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
