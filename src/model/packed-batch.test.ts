import { expect, it } from "vitest";
import { ShapeError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { mathFormer } from "./config.ts";
import { packedRows, packSequences } from "./packed-batch.ts";
import { createPolicy, scoreBatch } from "./policy.ts";

const sequences = [
  { prompt: [7, 8, 9], completions: [[1, 2, 3], [4]] },
  { prompt: [5], completions: [[6, 1]] },
];

it("packs each prompt once and trains every completion token and no prompt token", () => {
  const { tokens, positions, segments, trainedRows, targets } = packSequences(sequences);
  expect([...tokens]).toEqual([7, 8, 9, 1, 2, 5, 6]);
  expect([...positions]).toEqual([0, 1, 2, 3, 4, 0, 1]);
  expect(segments).toEqual([
    { start: 0, length: 3, stride: 1, parent: -1 },
    { start: 3, length: 2, stride: 1, parent: 0 },
    { start: 5, length: 1, stride: 1, parent: -1 },
    { start: 6, length: 1, stride: 1, parent: 2 },
  ]);
  // Both completions of the first prompt start from its last row.
  expect([...trainedRows]).toEqual([2, 3, 4, 2, 5, 6]);
  expect([...targets]).toEqual([1, 2, 3, 4, 6, 1]);
  expect(sequences.map(packedRows)).toEqual([5, 2]);
});

it("refuses ids outside the vocabulary and positions outside the rotary table before a kernel sees them", async () => {
  const shape = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 } as const;
  const score = (maxPositions: number, prompt: number[], completion: number[], block: "llama" | "mathformer") => {
    const config = mathFormer({ ...shape, block, maxPositions }, 10);
    const policy = createPolicy(openReferenceDevice(), config, { seed: 0, trained: false });
    return scoreBatch(policy, packSequences([{ prompt, completions: [completion] }]), { temperature: 1 });
  };
  await expect(score(9, [1, 10], [2], "llama")).rejects.toThrow(/every token must be in \[0, 10\), got 10 at place 1/);
  await expect(score(9, [1, 2], [10], "llama")).rejects.toThrow(/every target must be in \[0, 10\), got 10/);
  await expect(score(9, [-1], [2], "llama")).rejects.toThrow(ShapeError);
  await expect(score(2, [1, 2], [3, 4], "llama")).rejects.toThrow(/every position must be in \[0, 2\), got 2/);
  expect((await score(2, [1, 2], [3, 4], "mathformer")).logps.length).toBe(2);
  expect((await score(3, [1, 2], [3, 4], "llama")).logps.length).toBe(2);
});

it("takes a step's memory back when scoring fails half way", async () => {
  const device = openReferenceDevice();
  const config = mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 }, 10);
  const policy = createPolicy(device, config, { seed: 0, trained: false });
  // Its target is looked at when the decoder has run.
  const prompt = Array.from({ length: 1000 }, () => 1);
  const failing = packSequences([{ prompt, completions: [[10]] }]);
  const bytesAfter = async () => {
    await expect(scoreBatch(policy, failing, { temperature: 1 })).rejects.toThrow(ShapeError);
    return device.memory().bytes;
  };
  const once = await bytesAfter();
  for (let time = 0; time < 10; time++) expect(await bytesAfter()).toBe(once);
});
