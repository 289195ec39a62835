import { describe, expect, it } from "vitest";
import { openDevice } from "../engine/registry.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { packSequences } from "../model/packed-batch.ts";
import { closePolicy, createPolicy, scoreBatch } from "../model/policy.ts";
import { type RolloutOptions, sampleAttempts } from "./rollout.ts";

const config: DecoderConfig = {
  ...mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1, block: "llama" }, 6),
  outputBias: true,
};

/** Attempts of a model whose logits are `logits` whatever it reads. */
async function sampleFrom(
  logits: readonly number[],
  name: "reference" | "native",
  options: Omit<RolloutOptions, "eosId">,
) {
  const device = openDevice({ name, threads: 1, precision: "f32" });
  const policy = createPolicy(device, config, { seed: 1, trained: false });
  device.write(policy.parameters.get("output.weight").buffer, new Float32Array(6 * 8));
  device.write(policy.parameters.get("output.bias").buffer, logits);
  const { attempts } = await sampleAttempts(policy, [[1]], { eosId: 5, ...options });
  closePolicy(policy);
  device.close();
  return attempts[0];
}

const logSoftmax = (logits: readonly number[], id: number) =>
  logits[id] - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));

describe.each(["reference", "native"] as const)("tokens on %s", (name) => {
  it("that prompt or completion have already are drawn less, once each", async () => {
    const logits = [1, 8, 7, 5, 3, -2];
    const [{ tokens, logps }] = await sampleFrom(logits, name, {
      temperature: 0,
      repetitionPenalty: 2,
      maxNewTokens: 5,
    });
    // 1 is in the prompt (8/2); then 2 (7/2) and 3 (5/2) are taken, and 1 is the largest of what is left.
    expect(tokens).toEqual([2, 3, 1, 1, 1]);
    tokens.forEach((id, t) => {
      expect(logps[t]).toBeCloseTo(logSoftmax(logits, id), 5);
    });
  });

  it("that end a completion are not drawn before minNewTokens, and log-probabilities do not know it", async () => {
    const logits = [0, 1, 2, 1, 3, 4];
    const [greedy] = await sampleFrom(logits, name, {
      temperature: 0,
      minNewTokens: 3,
      maxNewTokens: 9,
      stopTokens: [4],
    });
    expect(greedy.tokens).toEqual([2, 2, 5]);
    expect(greedy.stop).toBe("eos");
    greedy.tokens.forEach((id, t) => {
      expect(greedy.logps[t]).toBeCloseTo(logSoftmax(logits, id), 5);
    });
    const sampled = await sampleFrom(logits, name, { group: 40, minNewTokens: 3, maxNewTokens: 9, stopTokens: [4] });
    expect(Math.min(...sampled.map(({ tokens }) => tokens.length))).toBe(3);
    expect(new Set(sampled.map(({ stop }) => stop))).toEqual(new Set(["eos", "stop"]));
  });

  it("much less likely than the likeliest are cut by minP", async () => {
    const logits = [0, Math.log(4), Math.log(3), 0, 0, 0];
    const sampled = await sampleFrom(logits, name, { group: 30, minP: 0.5, maxNewTokens: 4 });
    expect(new Set(sampled.flatMap(({ tokens }) => tokens))).toEqual(new Set([1, 2]));
  });
});

it("records what scoring gives, whatever the options change of the draw", async () => {
  const device = openDevice({ name: "native", threads: 2 });
  const policy = createPolicy(device, { ...config, logitScale: 0.25 }, { seed: 4, trained: false });
  const sampling = { temperature: 0.7, topK: 4, topP: 0.9, minP: 0.05, repetitionPenalty: 1.3, minNewTokens: 4 };
  const { attempts } = await sampleAttempts(policy, [[1, 2], [3]], {
    ...sampling,
    group: 3,
    eosId: 5,
    maxNewTokens: 12,
  });
  const sequences = [[1, 2], [3]].map((prompt, p) => ({
    prompt,
    completions: attempts[p].map(({ tokens }) => tokens),
  }));
  const { logps, entropies } = await scoreBatch(policy, packSequences(sequences), sampling);
  expect(attempts.flat().flatMap((attempt) => [...attempt.logps])).toEqual([...logps]);
  expect(attempts.flat().flatMap((attempt) => [...attempt.entropies])).toEqual([...entropies]);
  closePolicy(policy);
  device.close();
});
