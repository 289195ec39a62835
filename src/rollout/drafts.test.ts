import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { openDevice } from "../engine/registry.ts";
import { encodeWeight } from "../engine/weight-formats.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { decoderParameters } from "../model/definitions.ts";
import { FrozenWeights } from "../model/frozen-weights.ts";
import { attachLora } from "../model/lora.ts";
import { closePolicy, createPolicy, frozenPolicy, type Policy } from "../model/policy.ts";
import { DraftStore } from "./draft-store.ts";
import { type RolloutOptions, sampleAttempts } from "./rollout.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";

const vocabulary = 61;
const shape = { size: "tiny", width: 32, heads: 4, feedForward: 48, layers: 2, block: "llama" } as const;
const dense: DecoderConfig = { ...mathFormer(shape, vocabulary), kvHeads: 2 };
const mixture = mathFormer({ ...shape, experts: 4, activeExperts: 2 }, vocabulary);

const rng = new Rng(8);
const stem = [5, 9, 9, 2];
const prompts = [7, 19, 1, 12, 3, 26, 5].map((length) => [
  ...stem,
  ...Array.from({ length }, () => rng.integer(1, 60)),
]);
const base: RolloutOptions & { maxNewTokens: number } = {
  group: 4,
  eosId: [0, 1],
  seed: 3,
  streams: prompts.map((_, p) => 100 + p),
  maxNewTokens: 16,
};
/** A text in which stop strings can be looked for: a letter for each id. */
const letters = () => ({ push: (id: number) => String.fromCharCode(97 + (id % 26)), flush: () => "" });

/** A 4-bit base with an adapter neither half of which is zero. */
function quantizedPolicy(device: Device, config: DecoderConfig): Policy {
  const weights = new FrozenWeights(device);
  for (const { name, shape, initialize } of decoderParameters(config, new Rng(6))) {
    const values = new Float32Array(shape.reduce((product, axis) => product * axis, 1));
    initialize(values);
    const matrix = shape.length > 1 && !name.endsWith(".router.weight");
    if (matrix) weights.add(name, shape, "nf4", encodeWeight("nf4", values, shape));
    else weights.add(name, shape, "f32", values);
  }
  const policy = attachLora(
    frozenPolicy(device, config, weights),
    { rank: 3, experts: config.experts > 0 },
    { trained: false },
  );
  const additions = new Rng(7);
  device.write(
    policy.parameters.values,
    Float32Array.from({ length: policy.parameters.length }, () => additions.normal() / 8),
  );
  return policy;
}

const fresh = (config: DecoderConfig) => (device: Device) => createPolicy(device, config, { seed: 6, trained: false });
const models: Record<string, (device: Device) => Policy> = {
  dense: fresh(dense),
  mixture: fresh(mixture),
  "dense in nf4 with an adapter": (device) => quantizedPolicy(device, dense),
  "mixture in nf4 with an adapter": (device) => quantizedPolicy(device, mixture),
};

async function withPolicy(
  create: (device: Device) => Policy,
  options: Parameters<typeof openDevice>[0],
  body: (policy: Policy) => Promise<void>,
): Promise<void> {
  const device = openDevice(options);
  const policy = create(device);
  try {
    await body(policy);
  } finally {
    closePolicy(policy);
    device.close();
  }
}

/** Each prompt alone and an attempt at a time: nothing is shared but a prompt by its own attempts, and nothing drafted. */
async function oneByOne(policy: Policy, options: RolloutOptions & { maxNewTokens: number }) {
  const attempts: SampledAttempt[][] = [];
  for (const [p, prompt] of prompts.entries()) {
    const alone = { ...options, streams: [100 + p], maxActive: 1 };
    attempts.push(...(await sampleAttempts(policy, [prompt], alone)).attempts);
  }
  return attempts;
}

const ways: Record<string, Partial<RolloutOptions>> = {
  "at random": {},
  "nearly surely": { temperature: 0.3 },
  greedily: { temperature: 0 },
  "with cuts and a penalty": { topK: 12, topP: 0.9, minP: 0.01, repetitionPenalty: 1.4, temperature: 0.5 },
  "with a shortest length": { minNewTokens: 6, temperature: 0.4 },
  "to stop strings": { stopStrings: ["b", "cd", "xy"], textStream: letters, temperature: 0.5 },
};

describe.each(Object.entries(models))("drafted attempts, %s", (_, create) => {
  const cases = Object.entries(ways).flatMap(([way, options]) =>
    (["f32", "bf16"] as const).map((precision) => ({ way, options, precision })),
  );
  it.each(cases)("are the same bits $way, $precision", async ({ options, precision }) => {
    await withPolicy(create, { name: "native", precision, threads: 2 }, async (policy) => {
      const told = { ...base, ...options };
      const plain = await oneByOne(policy, told);
      const drafts = new DraftStore();
      // Nothing is known, then everything, then of other random numbers, then with little room.
      const first = await sampleAttempts(policy, prompts, { ...told, drafts });
      expect(first.attempts).toEqual(plain);
      const second = await sampleAttempts(policy, prompts, { ...told, drafts });
      expect(second.attempts).toEqual(plain);
      expect(second.accepted).toBeGreaterThan(0);
      expect(second.passes).toBeLessThan(first.passes);
      expect(second.experts).toEqual(first.experts);
      await sampleAttempts(policy, prompts, { ...told, seed: 4, drafts });
      const last = await sampleAttempts(policy, prompts, { ...told, drafts, maxActive: 3, cacheBytes: 1 });
      expect(last.attempts).toEqual(plain);
      expect(last.experts).toEqual(first.experts);
    });
  });
});

it("are the same numbers on the reference device", async () => {
  const small = mathFormer(
    { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2, experts: 3, activeExperts: 2 },
    61,
  );
  await withPolicy(fresh(small), { name: "reference" }, async (policy) => {
    const told = { ...base, group: 3, temperature: 0.5, maxNewTokens: 8 };
    const plain = await oneByOne(policy, told);
    const drafts = new DraftStore();
    for (let round = 0; round < 2; round++)
      expect((await sampleAttempts(policy, prompts, { ...told, drafts })).attempts).toEqual(plain);
  });
});

it("changes nothing by drafts that are wrong", async () => {
  await withPolicy(models.dense, { name: "native", threads: 2 }, async (policy) => {
    const plain = await oneByOne(policy, base);
    const drafts = new DraftStore();
    for (const [p, prompt] of prompts.entries())
      for (const { tokens } of plain[p]) {
        const wrong = tokens.map((id, t) => (t % 3 === 2 ? ((id + 1) % 59) + 2 : id));
        drafts.open(prompt).add([...wrong, 7, 7, 7, 7, 7, 7, 7, 7]);
      }
    const { attempts, drafted, accepted } = await sampleAttempts(policy, prompts, {
      ...base,
      drafts,
      maxActive: 2,
    });
    expect(attempts).toEqual(plain);
    expect(drafted).toBeGreaterThan(accepted);
    expect(accepted).toBeGreaterThan(0);
  });
});

it("draws the same whatever the room, the seed, the temperature and what is known", async () => {
  await withPolicy(models.mixture, { name: "native", threads: 2 }, async (policy) => {
    const setting = fc.record({
      seed: fc.nat(1000),
      temperature: fc.constantFrom(0, 0.2, 0.6, 1, 1.5),
      group: fc.integer({ min: 1, max: 7 }),
      maxNewTokens: fc.integer({ min: 1, max: 24 }),
      maxActive: fc.integer({ min: 1, max: 40 }),
      rows: fc.integer({ min: 1, max: 400 }),
      minNewTokens: fc.constantFrom(0, 0, 1),
      chosen: fc.subarray(prompts, { minLength: 1 }),
    });
    const property = async ({ chosen, rows, maxActive, ...options }: FuzzedSetting) => {
      const told = { ...base, ...options, streams: chosen.map((_, p) => p) };
      const plain = await sampleAttempts(policy, chosen, { ...told, maxActive: 1 });
      const drafts = new DraftStore({ maxAttempts: 9, maxTokens: 600 });
      for (const seed of [options.seed + 1, options.seed, options.seed]) {
        const limits = { maxActive, cacheBytes: rows * 2 * 2 * 32 * 4 };
        const drafted = await sampleAttempts(policy, chosen, { ...told, ...limits, seed, drafts });
        expect(drafts.tokenCount).toBeLessThanOrEqual(600);
        if (seed !== options.seed) continue;
        expect(drafted.attempts).toEqual(plain.attempts);
        expect(drafted.experts).toEqual(plain.experts);
        expect(drafted.accepted).toBeLessThanOrEqual(drafted.drafted);
      }
    };
    await fc.assert(fc.asyncProperty(setting, property), { numRuns: 40, seed: 5 });
  });
});

interface FuzzedSetting {
  seed: number;
  temperature: number;
  group: number;
  maxNewTokens: number;
  maxActive: number;
  rows: number;
  minNewTokens: number;
  chosen: number[][];
}
