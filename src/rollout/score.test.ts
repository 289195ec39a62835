import { expect, it } from "vitest";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { mathFormer } from "../model/config.ts";
import { packSequences } from "../model/packed-batch.ts";
import { createPolicy, scoreBatch } from "../model/policy.ts";
import { scoreSequences } from "./score.ts";

const config = mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2, block: "llama" }, 6);
const policy = () => createPolicy(openReferenceDevice(), config, { seed: 2, trained: false });
const sequences = [[1, 2, 3, 4], [5], [2, 2], [], [4, 3, 2, 1, 0, 5, 5], [3, 1]];

it("scores each token after those before it, whatever shares its batch", async () => {
  const model = policy();
  const done: number[] = [];
  const all = await scoreSequences(model, sequences, {
    temperature: 0.5,
    budgetTokens: 5,
    onProgress: (n) => done.push(n),
  });
  expect(all.map(({ logps, entropies }) => [logps.length, entropies.length])).toEqual(
    sequences.map(({ length }) => [Math.max(0, length - 1), Math.max(0, length - 1)]),
  );
  expect(done).toEqual([4, 5, 6]);
  for (const [s, ids] of sequences.entries())
    for (let i = 1; i < ids.length; i++) {
      const one = packSequences([{ prompt: ids.slice(0, i), completions: [[ids[i]]] }]);
      const { logps, entropies } = await scoreBatch(model, one, { temperature: 0.5 });
      expect(all[s].logps[i - 1]).toBeCloseTo(logps[0], 12);
      expect(all[s].entropies[i - 1]).toBeCloseTo(entropies[0], 12);
    }
});

it("refuses options and ids that are out of range", async () => {
  await expect(scoreSequences(policy(), sequences, { temperature: 0 })).rejects.toThrow(
    /temperature: expected a number/,
  );
  await expect(scoreSequences(policy(), sequences, { budgetTokens: 0.5 })).rejects.toThrow(/budgetTokens: expected/);
  await expect(scoreSequences(policy(), [[1, 6]])).rejects.toThrow(/must be in \[0, 6\), got 6/);
});
