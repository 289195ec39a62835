import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import { describeDevices, openDevice } from "../engine/registry.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { type PackedSequence, packSequences } from "../model/packed-batch.ts";
import { closePolicy, createPolicy, scoreBatch } from "../model/policy.ts";
import { sampleAttempts } from "./rollout.ts";

const vocabulary = 57;
const base = { size: "tiny", width: 48, heads: 3, feedForward: 80, layers: 2 } as const;
const shapes: Record<string, DecoderConfig> = {
  mathformer: mathFormer(base, vocabulary),
  mixture: mathFormer({ ...base, experts: 4, activeExperts: 2, finalNorm: true }, vocabulary),
  llama: { ...mathFormer({ ...base, heads: 4, block: "llama" }, vocabulary), kvHeads: 2, tiedOutput: true },
};

const { levels } = describeDevices().native;
const available = levels.filter((level) => level.available).map(({ name }) => name);
if (available.length < levels.length)
  console.warn(`bit equality: not on this processor: ${levels.filter((l) => !l.available).map((l) => l.name)}`);

/** The same attempts, grouped and split in different ways. */
function splits(sequences: PackedSequence[]): Record<string, PackedSequence[][]> {
  const alone = sequences.flatMap(({ prompt, completions }) =>
    completions.map((one) => ({ prompt, completions: [one] })),
  );
  return {
    "all at once": [sequences],
    "a group at a time": sequences.map((sequence) => [sequence]),
    "each attempt with its own prompt": alone.map((sequence) => [sequence]),
    "attempts packed without sharing": [alone],
  };
}

describe.each(Object.entries(shapes))("sampler = trainer, %s", (_, config) => {
  const cases = available.flatMap((isa) =>
    (["f32", "bf16"] as const).flatMap((precision) => [1, 2].map((threads) => ({ isa, precision, threads }))),
  );
  it.each(cases)("bit for bit: $isa, $precision, $threads threads", async ({ isa, precision, threads }) => {
    const device = openDevice({ name: "native", isa, precision, threads });
    const policy = createPolicy(device, config, { seed: 6, trained: false });
    const rng = new Rng(8);
    const prompts = [7, 19, 12, 3, 26].map((length) => Array.from({ length }, () => rng.integer(1, 56)));
    const sampling = { temperature: 0.9, topK: 40, topP: 0.98, maxNewTokens: 40 };
    const { attempts } = await sampleAttempts(policy, prompts, {
      ...sampling,
      group: 5,
      eosId: 0,
      seed: 1,
      streams: [0, 1, 2, 3, 4],
      keeping: "keys",
    });
    policy.stepScope.end();
    const sequences = prompts.map((prompt, p) => ({ prompt, completions: attempts[p].map(({ tokens }) => tokens) }));
    const recorded = attempts.flat().flatMap(({ logps }) => [...logps]);
    const entropies = attempts.flat().flatMap((attempt) => [...attempt.entropies]);
    for (const [name, parts] of Object.entries(splits(sequences))) {
      const logps: number[] = [];
      const scoredEntropies: number[] = [];
      for (const part of parts) {
        const scored = await scoreBatch(policy, packSequences(part), sampling);
        logps.push(...scored.logps);
        scoredEntropies.push(...scored.entropies);
      }
      expect(logps, name).toEqual(recorded);
      expect(scoredEntropies, name).toEqual(entropies);
    }
    expect(new Set(attempts.flat().map(({ tokens }) => tokens.length)).size).toBeGreaterThan(1);
    closePolicy(policy);
    device.close();
  });
});
