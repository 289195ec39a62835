import { describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { Tape } from "../engine/tape.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { packSequences, uploadRows } from "../model/packed-batch.ts";
import { createPolicy, entryLogps, type Policy, scoreBatch } from "../model/policy.ts";
import { cacheBytesPerRow, cacheRowsFor, sampleAttempts } from "./rollout.ts";

const base = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2 } as const;
const shapes: Record<string, DecoderConfig> = {
  mathformer: mathFormer(base, 6),
  mixture: mathFormer({ ...base, experts: 3, activeExperts: 2 }, 6),
  llama: mathFormer({ ...base, block: "llama" }, 6),
};
const prompts = [
  [1, 2, 3],
  [4, 1],
];
const options = { group: 4, eosId: 0, seed: 7, streams: [10, 11], temperature: 1, topK: 0, topP: 1, maxNewTokens: 9 };

async function gradientOf(policy: Policy, run: (policy: Policy) => Promise<void>) {
  const { device, parameters } = policy;
  device.enqueue("fill", { out: parameters.gradients!, count: parameters.length, value: 0 });
  await run(policy);
  return Float64Array.from(await device.read(parameters.gradients!));
}

describe.each(Object.entries(shapes))("rollout, %s", (_, config) => {
  it("records the log-probabilities that scoring the finished attempts gives", async () => {
    const policy = createPolicy(openReferenceDevice(), config, { seed: 2, trained: false });
    const { attempts } = await sampleAttempts(policy, prompts, { ...options, keeping: "keys" });
    policy.stepScope.end();
    const batch = packSequences(
      prompts.map((prompt, p) => ({ prompt, completions: attempts[p].map(({ tokens }) => tokens) })),
    );
    const scored = await scoreBatch(policy, batch, { temperature: 1 });
    const recorded = attempts.flat().flatMap(({ logps }) => [...logps]);
    expect(recorded.length).toBe(scored.logps.length);
    recorded.forEach((logp, i) => {
      expect(logp).toBeCloseTo(scored.logps[i], 12);
    });
    // Some attempts ended early and some did not, so compaction took place.
    const lengths = attempts.flat().map(({ tokens }) => tokens.length);
    expect(new Set(lengths).size).toBeGreaterThan(1);
  });

  it("adopts the activations of sampling: the gradient is that of a second forward pass", async () => {
    const policy = createPolicy(openReferenceDevice(), config, { seed: 2, trained: true });
    const rollout = await sampleAttempts(policy, prompts, { ...options, keeping: "all" });
    const entries = rollout.attempts.flat().flatMap(({ tokens }) => tokens).length;
    const dLogps = Array.from({ length: entries }, (_, i) => Math.sin(i + 1));
    const dEntropies = Array.from({ length: entries }, (_, i) => Math.cos(i) / 10);
    const adopted = await gradientOf(policy, async () => {
      const forward = rollout.adopt(rollout.attempts.flat().map((_, attempt) => attempt));
      const { hidden } = policy.decoder.forward(forward.tape, policy.weights, forward.rows);
      entryLogps(policy, forward.tape, hidden, { ...forward, temperature: 1 }, forward.known).seed(dLogps, dEntropies);
      forward.tape.backward();
      policy.stepScope.end();
    });
    const again = await gradientOf(policy, async () => {
      const batch = packSequences(
        prompts.map((prompt, p) => ({ prompt, completions: rollout.attempts[p].map(({ tokens }) => tokens) })),
      );
      const tape = new Tape(policy.stepScope, { recording: true });
      const { hidden } = policy.decoder.forward(tape, policy.weights, uploadRows(policy.stepScope, batch, config));
      entryLogps(policy, tape, hidden, { ...batch, temperature: 1 }).seed(dLogps, dEntropies);
      tape.backward();
      policy.stepScope.end();
    });
    expect(Math.max(...again.map(Math.abs))).toBeGreaterThan(0.1);
    again.forEach((g, i) => {
      expect(Math.abs(g - adopted[i])).toBeLessThan(1e-11);
    });
  });

  it("draws an attempt's tokens whatever else is in the batch", async () => {
    const policy = createPolicy(openReferenceDevice(), config, { seed: 2, trained: false });
    const together = await sampleAttempts(policy, prompts, { ...options, keeping: "keys" });
    policy.stepScope.end();
    const alone = await sampleAttempts(policy, [prompts[1]], { ...options, streams: [11], keeping: "keys" });
    policy.stepScope.end();
    expect(alone.attempts[0].map(({ tokens }) => tokens)).toEqual(together.attempts[1].map(({ tokens }) => tokens));
  });

  it("counts the experts of every row, the slots of the rows adding up", async () => {
    const policy = createPolicy(openReferenceDevice(), config, { seed: 2, trained: false });
    const { experts, attempts, tokenCount } = await sampleAttempts(policy, prompts, { ...options, keeping: "keys" });
    // However many rows they shared: an attempt's last token is not fed.
    const rows = prompts.flat().length + tokenCount - attempts.flat().length;
    expect(experts.length).toBe(config.experts > 0 ? config.layers : 0);
    for (const { counts } of experts)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(rows * config.activeExperts);
  });
});

describe("sampleAttempts refuses", () => {
  const sample = (over: object, list = prompts, config = shapes.llama) =>
    sampleAttempts(createPolicy(openReferenceDevice(), config, { seed: 2, trained: false }), list, {
      ...options,
      ...over,
    });

  it("options that are out of range, all at once", async () => {
    await expect(sample({ maxNewTokens: 1.5, temperature: -0.1, topK: -1, topP: 1.1 })).rejects.toThrow(
      /maxNewTokens: .* 1\.5; temperature: .* -0\.1; topK: .* -1; topP: .* 1\.1/,
    );
    await expect(sample({ topP: 0 })).rejects.toThrow(ConfigError);
    await expect(sample({ group: 0 })).rejects.toThrow(/group: expected a whole number from 1/);
  });

  it("prompts that do not fit the model", async () => {
    await expect(sample({}, [[1], [2, 6]])).rejects.toThrow(/every token must be in \[0, 6\), got 6/);
    await expect(sample({}, [[1], []])).rejects.toThrow(/prompt 1 is empty/);
    const short = { ...shapes.llama, maxPositions: 10 };
    await expect(sample({}, [[1, 2]], short)).rejects.toThrow(/prompt 0 of 2 tokens and maxNewTokens 9/);
    expect((await sample({}, [[1]], short)).tokenCount).toBeGreaterThan(0);
  });

  it("to adopt a rollout that kept only keys", async () => {
    const rollout = await sample({ keeping: "keys" });
    expect(() => rollout.adopt([0])).toThrow(/sample with keeping "all"/);
  });
});

it("needs no more than an end token and a length", async () => {
  const policy = createPolicy(openReferenceDevice(), shapes.mathformer, { seed: 2, trained: false });
  const brief = await sampleAttempts(policy, prompts, { eosId: 0, maxNewTokens: 5 });
  policy.stepScope.end();
  const long = await sampleAttempts(policy, prompts, {
    ...options,
    ...{ group: 1, seed: 0, streams: [0, 1], maxNewTokens: 5, keeping: "keys" as const },
  });
  expect(brief.attempts.map((group) => group.map(({ tokens }) => tokens))).toEqual(
    long.attempts.map((group) => group.map(({ tokens }) => tokens)),
  );
});

it("takes memory for as many keys and values as it can use, may use, or needs", () => {
  const config = { ...shapes.llama, layers: 3, kvHeads: 2, headDim: 4 };
  const bytes = cacheBytesPerRow(config);
  expect(bytes).toBe(3 * 2 * 2 * 4 * 4);
  const lengths = [10, 4, 6];
  expect(cacheRowsFor(config, lengths, { group: 2, maxNewTokens: 5 })).toBe(20 + 6 * 4);
  expect(cacheRowsFor(config, lengths, { group: 2, maxNewTokens: 5, maxActive: 4 })).toBe(20 + 4 * 4);
  expect(cacheRowsFor(config, lengths, { group: 2, maxNewTokens: 5, cacheBytes: 30 * bytes + 1 })).toBe(30);
  expect(cacheRowsFor(config, lengths, { group: 2, maxNewTokens: 5, cacheBytes: bytes })).toBe(10 + 4);
});
