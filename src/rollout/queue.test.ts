import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import { type DeviceOptions, describeDevices, openDevice } from "../engine/registry.ts";
import { Tape } from "../engine/tape.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { packSequences, uploadRows } from "../model/packed-batch.ts";
import { closePolicy, createPolicy, type Policy } from "../model/policy.ts";
import { cacheBytesPerRow, type RolloutOptions, sampleAttempts } from "./rollout.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";

const vocabulary = 61;
const base = { size: "tiny", width: 32, heads: 4, feedForward: 48, layers: 2, block: "llama" } as const;
const shapes: Record<string, DecoderConfig> = {
  dense: { ...mathFormer(base, vocabulary), kvHeads: 2 },
  mixture: mathFormer({ ...base, experts: 4, activeExperts: 2 }, vocabulary),
};
const rng = new Rng(8);
const prompts = [7, 19, 1, 12, 3, 26, 5].map((length) => Array.from({ length }, () => rng.integer(1, 60)));
const streams = prompts.map((_, p) => 100 + p);
const options = {
  group: 4,
  eosId: [0, 1, 2],
  seed: 3,
  maxNewTokens: 24,
  minNewTokens: 2,
  repetitionPenalty: 1.2,
  minP: 0.01,
};

type Products = Pick<DeviceOptions, "isa" | "precision">;

async function withPolicy(
  config: DecoderConfig,
  products: Products,
  body: (policy: Policy) => Promise<void>,
): Promise<void> {
  const device = openDevice({ name: "native", ...products, threads: 2 });
  const policy = createPolicy(device, config, { seed: 6, trained: false });
  try {
    await body(policy);
  } finally {
    closePolicy(policy);
    device.close();
  }
}

const levels = describeDevices().native.levels.filter(({ available }) => available);
const cases = Object.keys(shapes).flatMap((shape) =>
  levels.flatMap(({ name: isa }) => (["f32", "bf16"] as const).map((precision) => ({ shape, isa, precision }))),
);

describe.each(cases)("a queue of prompts, $shape, $isa, $precision", ({ shape, ...products }) => {
  it("samples the same bits however much is under way at once", async () => {
    await withPolicy(shapes[shape], products, async (policy) => {
      const sample = async (over: Partial<RolloutOptions>, list = prompts) => {
        const { attempts } = await sampleAttempts(policy, list, { ...options, streams, ...over });
        policy.stepScope.end();
        return attempts;
      };
      const together = await sample({});
      const least = (26 + 23) * cacheBytesPerRow(policy.config);
      const alone: SampledAttempt[][] = [];
      for (const [p, prompt] of prompts.entries()) alone.push(...(await sample({ streams: [100 + p] }, [prompt])));
      const ways: Record<string, SampledAttempt[][]> = {
        "three at a time": await sample({ maxActive: 3 }),
        "one at a time": await sample({ maxActive: 1 }),
        "five, in a cache for one": await sample({ maxActive: 5, cacheBytes: 1 }),
        "in a cache for some": await sample({ cacheBytes: 3 * least }),
        "each prompt alone": alone,
        "keeping all": await sample({ keeping: "all" }),
      };
      for (const [name, attempts] of Object.entries(ways)) expect(attempts, name).toEqual(together);
      const lengths = together.flat().map(({ tokens }) => tokens.length);
      expect(Math.min(...lengths)).toBeGreaterThanOrEqual(2);
      expect(new Set(lengths).size).toBeGreaterThan(4);
    });
  });
});

it("holds no more keys and values than it may, and gives them back", async () => {
  await withPolicy(shapes.dense, { precision: "f32" }, async (policy) => {
    const { device, config } = policy;
    const before = device.memory().bytes;
    const held: number[] = [];
    const onProgress = () => void held.push(device.memory().bytes);
    const cacheBytes = 100 * cacheBytesPerRow(config);
    const many = Array.from({ length: 12 }, () => prompts).flat();
    await sampleAttempts(policy, many, { ...options, maxActive: 4, cacheBytes, onProgress });
    const scopes = device.memory().bytes - before;
    expect(Math.max(...held) - before - scopes).toBe(cacheBytes);
    await expect(
      sampleAttempts(policy, prompts, {
        ...options,
        onProgress: () => {
          throw new Error("enough");
        },
      }),
    ).rejects.toThrow("enough");
    expect(device.memory().bytes - before).toBeLessThanOrEqual(scopes * 2);
    expect((await sampleAttempts(policy, prompts, options)).tokenCount).toBeGreaterThan(0);
  });
});

it("says how far it is, and feeds only rows of attempts that go on", async () => {
  await withPolicy(shapes.dense, { precision: "f32" }, async (policy) => {
    const seen: { attempts: number; tokens: number }[] = [];
    const { attempts, rowCount, tokenCount } = await sampleAttempts(policy, prompts, {
      ...options,
      maxActive: 6,
      onProgress: (progress) => void seen.push(progress),
    });
    expect(seen.at(-1)).toEqual({ attempts: 28, tokens: tokenCount });
    expect(seen.every(({ tokens }, i) => i === 0 || tokens > seen[i - 1].tokens)).toBe(true);
    const promptRows = prompts.reduce((sum, { length }) => sum + length, 0);
    // Those with the same tokens are computed once, while their attempts are under way together.
    const prefixes = prompts.flatMap((prompt, p) =>
      attempts[p].flatMap(({ tokens }) => tokens.slice(1).map((_, t) => `${prompt} ${tokens.slice(0, t + 1)}`)),
    );
    expect(prefixes.length).toBe(tokenCount - attempts.flat().length);
    expect(rowCount).toBeGreaterThanOrEqual(promptRows + new Set(prefixes).size);
    expect(rowCount).toBeLessThanOrEqual(promptRows + prefixes.length);
    const together = await sampleAttempts(policy, prompts, options);
    expect(together.rowCount).toBe(promptRows + new Set(prefixes).size);
  });
});

describe("expert ids", () => {
  it("are those of the rows that predicted each token, as training computes them", async () => {
    await withPolicy(shapes.mixture, { precision: "f32" }, async (policy) => {
      const { device, config, decoder, weights, stepScope } = policy;
      const { attempts, experts } = await sampleAttempts(policy, prompts, { ...options, maxActive: 5 });
      const sequences = prompts.map((prompt, p) => ({ prompt, completions: attempts[p].map(({ tokens }) => tokens) }));
      const batch = packSequences(sequences);
      const tape = new Tape(stepScope, { recording: false });
      const { routings } = decoder.forward(tape, weights, uploadRows(stepScope, batch, config));
      const active = config.activeExperts;
      for (const [layer, routing] of routings.entries()) {
        const ids = await device.read(routing.expertIds);
        const expected = [...batch.trainedRows].flatMap((row) => [...ids.slice(row * active, (row + 1) * active)]);
        const kept = attempts.flat().flatMap(({ tokens, expertIds }) => {
          const size = tokens.length * active;
          return [...(expertIds as Uint8Array).slice(layer * size, (layer + 1) * size)];
        });
        expect(kept).toEqual(expected);
        // Every row of the packed batch was fed once: its slots are what the rollout counted.
        const counts = new Array(config.experts).fill(0);
        for (const id of ids) counts[id]++;
        expect(experts[layer].counts).toEqual(counts);
      }
      stepScope.end();
    });
  });

  it("are left out when they are not wanted, or the model is dense", async () => {
    await withPolicy(shapes.mixture, { precision: "f32" }, async (policy) => {
      const { attempts } = await sampleAttempts(policy, prompts.slice(0, 1), { ...options, keepExperts: false });
      expect(attempts[0][0].expertIds).toBeNull();
    });
    await withPolicy(shapes.dense, { precision: "f32" }, async (policy) => {
      expect((await sampleAttempts(policy, prompts.slice(0, 1), options)).attempts[0][0].expertIds).toBeNull();
    });
  });
});
