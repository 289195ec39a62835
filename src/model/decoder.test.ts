import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { Tape } from "../engine/tape.ts";
import type { LoraOptions } from "./adapter.ts";
import { type DecoderConfig, mathFormer } from "./config.ts";
import type { PassOptions } from "./decoder.ts";
import { attachLora } from "./lora.ts";
import { type PackedSequence, packSequences, uploadRows } from "./packed-batch.ts";
import { createPolicy, entryLogps, type Policy } from "./policy.ts";
import type { LoraPair } from "./weights.ts";

const vocabulary = 11;
const base = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 2 } as const;
const shapes: Record<string, DecoderConfig> = {
  mathformer: mathFormer(base, vocabulary),
  mixture: mathFormer({ ...base, experts: 3, activeExperts: 2, finalNorm: true }, vocabulary),
  llama: { ...mathFormer({ ...base, block: "llama" }, vocabulary), kvHeads: 1, tiedOutput: true },
  "llama mixture": mathFormer({ ...base, block: "llama", experts: 3, activeExperts: 1 }, vocabulary),
  "norms of heads, linear scaling, biases": {
    ...mathFormer({ ...base, block: "llama" }, vocabulary),
    headDim: 6,
    kvHeads: 1,
    qkNorm: "head",
    rotaryScaling: { kind: "linear", factor: 2.5 },
    attentionBias: "all",
    feedForwardBias: true,
  },
  "norms of whole projections, routing over all": {
    ...mathFormer({ ...base, block: "llama", experts: 4, activeExperts: 2 }, vocabulary),
    qkNorm: "full",
    routing: "all",
    attentionBias: "qkv",
    rotaryScaling: { kind: "llama3", factor: 4, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8 },
  },
  "multipliers, a dense layer": {
    ...mathFormer({ ...base, block: "llama", experts: 3, activeExperts: 2 }, vocabulary),
    denseLayers: [1],
    denseFeedForward: 10,
    tiedOutput: true,
    attentionBias: "all",
    embeddingScale: 1.7,
    attentionScale: 0.3,
    residualScale: 0.6,
    logitScale: 0.4,
  },
  "sparsemixer, long rope, output bias": {
    ...mathFormer({ ...base, experts: 4, activeExperts: 2, finalNorm: true }, vocabulary),
    activation: "swiglu",
    positions: "rotary",
    routing: "sparsemixer",
    routerJitter: 0.4,
    outputBias: true,
    attentionBias: "all",
    rotaryScaling: { kind: "longrope", factors: [1, 3], attentionFactor: 1.2 },
  },
}; /** Adapters of some of them. */
const adapters: Record<string, LoraOptions> = {
  mathformer: { rank: 2, alpha: 3 },
  "norms of heads, linear scaling, biases": { rank: 2, targetModules: ["q_proj", "value"], rankStabilized: true },
  "multipliers, a dense layer": { rank: 3, experts: true, router: true },
  mixture: { rank: 2, experts: true, targetModules: [] },
};
const models: [string, (device: Device, seed: number) => Policy][] = [
  ...Object.entries(shapes).map(([name, config]): (typeof models)[number] => [
    name,
    (device, seed) => createPolicy(device, config, { seed, trained: true }),
  ]),
  ...Object.entries(adapters).map(([name, options]): (typeof models)[number] => [
    `${name}, with an adapter`,
    (device, seed) => {
      const policy = attachLora(createPolicy(device, shapes[name], { seed, trained: false }), { ...options, seed });
      const rng = new Rng(seed, 9);
      // A fresh adapter's B is zero, and so is the gradient of its A.
      for (const { buffer } of policy.parameters.entries)
        device.write(
          buffer,
          Float64Array.from({ length: buffer.length }, () => rng.normal() / 2),
        );
      return policy;
    },
  ]),
];
const sequences: PackedSequence[] = [
  { prompt: [1, 2, 3], completions: [[4, 5, 6, 0], [7, 0], [8]] },
  { prompt: [9, 10], completions: [[1, 3, 5, 0]] },
];

/** Σ_i weight_i · logp_i + ½ Σ_i weight_i · entropy_i with fixed uneven weights, and its gradient. */
async function weightedSum(
  policy: Policy,
  packed: PackedSequence[],
  weightAt: (entry: number) => number,
  gradient: boolean,
  dropout: PassOptions["dropout"] = null,
) {
  const { stepScope, device } = policy;
  const batch = packSequences(packed);
  const tape = new Tape(stepScope, { recording: gradient });
  const { hidden } = policy.decoder.forward(tape, policy.weights, uploadRows(stepScope, batch, policy.config), {
    dropout,
  });
  const found = entryLogps(policy, tape, hidden, { ...batch, temperature: 0.8 });
  const logps = await device.read(found.logps);
  const entropies = await device.read(found.entropies);
  const weights = Array.from(logps, (_, i) => weightAt(i));
  if (gradient) {
    found.seed(
      weights,
      weights.map((w) => w / 2),
    );
    tape.backward();
  }
  stepScope.end();
  return weights.reduce((sum, w, i) => sum + w * logps[i] + (w / 2) * entropies[i], 0);
}

const uneven = (i: number) => 0.3 + ((i * 7) % 5) / 4;
const readGradients = (policy: Policy) => policy.device.read(policy.parameters.gradients!);

async function clearGradients(device: Device, policy: Policy) {
  device.enqueue("fill", { out: policy.parameters.gradients!, count: policy.parameters.length, value: 0 });
}

/** Checks the largest entry of each array's gradient: rounding of the difference is smallest beside it. */
async function expectCentralDifferences(policy: Policy, dropout: PassOptions["dropout"] = null): Promise<void> {
  const { device } = policy;
  await weightedSum(policy, sequences, uneven, true, dropout);
  const step = 1e-5;
  for (const { name, buffer, gradient } of policy.parameters.entries) {
    const values = await device.read(buffer);
    const analytic = Float64Array.from(await device.read(gradient!));
    const at = analytic.reduce((best, g, i) => (Math.abs(g) > Math.abs(analytic[best]) ? i : best), 0);
    const shifted = async (delta: number) => {
      const moved = Float64Array.from(values);
      moved[at] += delta;
      device.write(buffer, moved);
      return weightedSum(policy, sequences, uneven, false, dropout);
    };
    const numeric = ((await shifted(step)) - (await shifted(-step))) / (2 * step);
    device.write(buffer, values);
    expect(Math.abs(numeric - analytic[at]) / Math.max(1e-3, Math.abs(numeric)), name).toBeLessThan(1e-6);
  }
}

describe.each(models)("decoder %s, in f64", (_, create) => {
  it("has the gradient that central differences give, in every parameter array", async () => {
    await expectCentralDifferences(create(openReferenceDevice(), 3));
  });

  it("gives attempts that share a prompt the values and gradient of attempts that repeat it", async () => {
    const repeated = sequences.flatMap(({ prompt, completions }) =>
      completions.map((completion) => ({ prompt, completions: [completion] })),
    );
    const device = openReferenceDevice();
    const policy = create(device, 4);
    const together = await weightedSum(policy, sequences, uneven, true);
    const sharedGradient = Float64Array.from(await readGradients(policy));
    await clearGradients(device, policy);
    const apart = await weightedSum(policy, repeated, uneven, true);
    expect(apart).toBeCloseTo(together, 11);
    (await readGradients(policy)).forEach((g, i) => {
      expect(Math.abs(g - sharedGradient[i])).toBeLessThan(1e-11);
    });
  });

  it("accumulates over micro-batches what one batch gives", async () => {
    const device = openReferenceDevice();
    const policy = create(device, 5);
    await weightedSum(policy, sequences, uneven, true);
    const whole = Float64Array.from(await readGradients(policy));
    await clearGradients(device, policy);
    const firstEntries = packSequences([sequences[0]]).targets.length;
    await weightedSum(policy, [sequences[0]], uneven, true);
    await weightedSum(policy, [sequences[1]], (i) => uneven(i + firstEntries), true);
    (await readGradients(policy)).forEach((g, i) => {
      expect(Math.abs(g - whole[i])).toBeLessThan(1e-11);
    });
  });
});

describe("an adapter's dropout", () => {
  const dropping = () => {
    const policy = attachLora(createPolicy(openReferenceDevice(), shapes.llama, { seed: 2, trained: false }), {
      rank: 3,
      dropout: 0.4,
    });
    const rng = new Rng(9);
    const { device, parameters } = policy;
    device.write(
      parameters.values,
      Float64Array.from({ length: parameters.length }, () => rng.normal() / 2),
    );
    return policy;
  };

  it("has the gradient that central differences give", async () => {
    await expectCentralDifferences(dropping(), { update: 3, firstRow: 0 });
  });

  it("is the same in micro-batches as in one batch, another at each update, and off in passes that do not train", async () => {
    const policy = dropping();
    const sum = (packed: PackedSequence[], dropout: PassOptions["dropout"], first = 0) =>
      weightedSum(policy, packed, (i) => uneven(i + first), false, dropout);
    const whole = await sum(sequences, { update: 3, firstRow: 0 });
    const { tokens, targets } = packSequences([sequences[0]]);
    const parts =
      (await sum([sequences[0]], { update: 3, firstRow: 0 })) +
      (await sum([sequences[1]], { update: 3, firstRow: tokens.length }, targets.length));
    expect(parts).toBeCloseTo(whole, 11);
    expect(await sum(sequences, { update: 4, firstRow: 0 })).not.toBeCloseTo(whole, 3);
    const { adapter, weights } = policy;
    const without = { ...policy, weights: { ...weights, lora: (name: string) => withoutDropout(weights.lora(name)) } };
    expect(adapter?.options.dropout).toBe(0.4);
    expect(await sum(sequences, null)).toBe(
      await weightedSum(without, sequences, uneven, false, { update: 3, firstRow: 0 }),
    );
  });
});

const withoutDropout = (pair: LoraPair | null): LoraPair | null => pair && { ...pair, dropout: 0 };
