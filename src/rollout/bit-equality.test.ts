import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { describeDevices, openDevice } from "../engine/registry.ts";
import { type EncodableFormat, encodeWeight } from "../engine/weight-formats.ts";
import type { LoraOptions } from "../model/adapter.ts";
import { type DecoderConfig, mathFormer } from "../model/config.ts";
import { decoderParameters } from "../model/definitions.ts";
import { FrozenWeights } from "../model/frozen-weights.ts";
import { attachLora } from "../model/lora.ts";
import { type PackedSequence, packSequences } from "../model/packed-batch.ts";
import { closePolicy, createPolicy, frozenPolicy, type Policy, scoreBatch } from "../model/policy.ts";
import { sampleAttempts } from "./rollout.ts";

const vocabulary = 57;
const base = { size: "tiny", width: 48, heads: 3, feedForward: 80, layers: 2 } as const;
const shapes: Record<string, DecoderConfig> = {
  mathformer: mathFormer(base, vocabulary),
  mixture: mathFormer({ ...base, experts: 4, activeExperts: 2, finalNorm: true }, vocabulary),
  llama: { ...mathFormer({ ...base, heads: 4, block: "llama" }, vocabulary), kvHeads: 2, tiedOutput: true },
};
type WeightsIn = "f32" | EncodableFormat;
const mixture = mathFormer({ ...base, heads: 4, block: "llama", experts: 5, activeExperts: 2 }, vocabulary);
/** Shapes of published models, each with the additions it is trained by. */
const published: Record<string, { config: DecoderConfig; lora: LoraOptions }> = {
  llama: {
    config: { ...shapes.llama, logitScale: 0.7, rotaryScaling: { kind: "linear", factor: 2 } },
    lora: { rank: 4 },
  },
  qwen3_moe: {
    config: { ...mixture, kvHeads: 2, qkNorm: "head", routing: "all", denseLayers: [0], denseFeedForward: 72 },
    lora: { rank: 3, experts: true, router: true },
  },
  granitemoe: {
    config: {
      ...mixture,
      tiedOutput: true,
      embeddingScale: 3,
      attentionScale: 0.2,
      residualScale: 0.4,
      logitScale: 0.3,
    },
    lora: { rank: 4, targetModules: ["q_proj", "v_proj"], experts: true },
  },
};
/** Formats of frozen weights: both plain ones for each shape, those of blocks for one. */
const weightFormats: Record<string, WeightsIn[]> = {
  llama: ["f32", "bf16"],
  qwen3_moe: ["f32", "bf16", "nf4"],
  granitemoe: ["f32", "bf16", "int8"],
};

/** A base whose matrices are in a format, with additions neither half of which is zero: an adapter that is not fresh. */
function adaptedPolicy(
  device: Device,
  { config, format, lora }: (typeof published)[string] & { format: WeightsIn },
): Policy {
  const weights = new FrozenWeights(device);
  for (const { name, shape, initialize } of decoderParameters(config, new Rng(6))) {
    const values = new Float32Array(shape.reduce((product, axis) => product * axis, 1));
    initialize(values);
    const matrix = shape.length > 1 && !name.endsWith(".router.weight");
    if (matrix && format !== "f32") weights.add(name, shape, format, encodeWeight(format, values, shape));
    else weights.add(name, shape, "f32", values);
  }
  const policy = attachLora(frozenPolicy(device, config, weights), lora, { trained: false });
  const rng = new Rng(7);
  const { values, length } = policy.parameters;
  device.write(
    values,
    Float32Array.from({ length }, () => rng.normal() / 8),
  );
  return policy;
}

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

const models: [string, (device: Device) => Policy][] = [
  ...Object.entries(shapes).map(([name, config]): (typeof models)[number] => [
    name,
    (device) => createPolicy(device, config, { seed: 6, trained: false }),
  ]),
  ...Object.entries(published).flatMap(([name, model]) =>
    weightFormats[name].map((format): (typeof models)[number] => [
      `${name} in ${format}, with an adapter`,
      (device) => adaptedPolicy(device, { ...model, format }),
    ]),
  ),
];

describe.each(models)("sampler = trainer, %s", (name, create) => {
  // Numbers of threads are told apart on the plain shapes.
  const threadCounts = name in shapes ? [1, 2] : [2];
  const cases = available.flatMap((isa) =>
    (["f32", "bf16"] as const).flatMap((precision) => threadCounts.map((threads) => ({ isa, precision, threads }))),
  );
  it.each(cases)("bit for bit: $isa, $precision, $threads threads", async ({ isa, precision, threads }) => {
    const device = openDevice({ name: "native", isa, precision, threads });
    const policy = create(device);
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
    for (const [split, parts] of Object.entries(splits(sequences))) {
      const logps: number[] = [];
      const scoredEntropies: number[] = [];
      for (const part of parts) {
        const scored = await scoreBatch(policy, packSequences(part), sampling);
        logps.push(...scored.logps);
        scoredEntropies.push(...scored.entropies);
      }
      expect(logps, split).toEqual(recorded);
      expect(scoredEntropies, split).toEqual(entropies);
    }
    expect(new Set(attempts.flat().map(({ tokens }) => tokens.length)).size).toBeGreaterThan(1);
    closePolicy(policy);
    device.close();
  });
});
