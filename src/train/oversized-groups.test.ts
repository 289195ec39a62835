import { expect, it } from "vitest";
import { CountingDevice } from "../engine/registry.ts";
import { mathFormer } from "../model/config.ts";
import { countedPolicy } from "./counted-policy.ts";
import { trainingTape } from "./memory.ts";
import { inParts, partsOf } from "./micro-batches.ts";

const rowsOf = (prompt: number, ...completions: number[]) => ({
  prompt: new Array<number>(prompt).fill(1),
  completions: completions.map((length, i) => new Array<number>(length).fill(i)),
});

it("a group of more than twice a micro-batch is cut into attempts that fit, each part with the prompt", () => {
  // 4 + 5 · 5 = 29 rows; beside the prompt, two attempts have 10.
  const group = rowsOf(4, 6, 6, 6, 6, 6);
  expect(partsOf(group, 15)).toEqual([[0, 5]]);
  expect(partsOf(group, 14)).toEqual([
    [0, 2],
    [2, 4],
    [4, 5],
  ]);
  // Not even one fits: each alone.
  expect(partsOf(group, 3)).toEqual(Array.from({ length: 5 }, (_, i) => [i, i + 1]));
  expect(partsOf(rowsOf(40, 6), 3)).toEqual([[0, 1]]);
  const parts = inParts([rowsOf(1, 2), group], 14);
  expect(parts.map(({ prompt }) => prompt.length)).toEqual([1, 4, 4, 4]);
  expect(parts.flatMap(({ completions }) => completions)).toEqual([[0, 0], ...group.completions]);
});

it("a pass of more than twice a micro-batch keeps the inputs of its layers alone", () => {
  const config = mathFormer({ size: "tiny", width: 16, heads: 2, feedForward: 32, layers: 2 }, 20);
  const device = new CountingDevice({ threads: 1, precision: "f32" });
  const policy = countedPolicy(device, { config, frozen: null, lora: null });
  const kept = (rows: number, gradientCheckpointing = false) =>
    trainingTape(policy, { gradientCheckpointing, microBatchTokens: 64 }, rows).activations;
  expect([kept(64), kept(128), kept(129), kept(1, true)]).toEqual(["all", "all", "inputs", "inputs"]);
});
