import { describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { openDevice } from "../engine/registry.ts";
import { Tape } from "../engine/tape.ts";
import type { LoraOptions } from "./adapter.ts";
import { type DecoderConfig, mathFormer } from "./config.ts";
import { attachLora } from "./lora.ts";
import { packSequences, uploadRows } from "./packed-batch.ts";
import { createPolicy, entryLogps, type Policy } from "./policy.ts";

const mixtureSize = {
  size: "tiny",
  width: 64,
  heads: 4,
  feedForward: 96,
  layers: 2,
  experts: 5,
  activeExperts: 2,
} as const;
const shapes = {
  mathformer: mathFormer({ size: "tiny", width: 64, heads: 4, feedForward: 128, layers: 2, finalNorm: true }, 57),
  mixture: mathFormer(
    { size: "tiny", width: 64, heads: 4, feedForward: 128, layers: 2, experts: 4, activeExperts: 2 },
    57,
  ),
  llama: mathFormer({ size: "tiny", width: 64, heads: 2, feedForward: 96, layers: 2, block: "llama" }, 57),
  "qwen3-moe-like": {
    ...mathFormer({ ...mixtureSize, block: "llama" }, 57),
    kvHeads: 2,
    headDim: 24,
    qkNorm: "head",
    routing: "all",
  },
  "granite-like": {
    ...mathFormer({ ...mixtureSize, block: "llama" }, 57),
    tiedOutput: true,
    attentionBias: "all",
    embeddingScale: 3,
    attentionScale: 0.2,
    residualScale: 0.4,
    logitScale: 0.5,
  },
  "phi-like": {
    ...mathFormer({ ...mixtureSize, finalNorm: true }, 57),
    activation: "swiglu",
    positions: "rotary",
    routing: "sparsemixer",
    routerJitter: 0.1,
    outputBias: true,
  },
} satisfies Record<string, DecoderConfig>;
/** Adapters of some of them. */
const adapters: Record<string, LoraOptions> = {
  llama: { rank: 4 },
  "qwen3-moe-like": { rank: 3, experts: true, router: true },
};
const models: [string, (device: Device) => Policy][] = [
  ...Object.entries(shapes).map(([name, config]): (typeof models)[number] => [
    name,
    (device) => createPolicy(device, config, { seed: 1, trained: true }),
  ]),
  ...Object.entries(adapters).map(([name, options]): (typeof models)[number] => [
    `${name}, with an adapter`,
    (device) => {
      const config = shapes[name as keyof typeof shapes];
      const policy = attachLora(createPolicy(device, config, { seed: 1, trained: false }), options);
      const rng = new Rng(9);
      for (const { buffer } of policy.parameters.entries)
        device.write(
          buffer,
          Float32Array.from({ length: buffer.length }, () => rng.normal() / 4),
        );
      return policy;
    },
  ]),
];

/** Groups of completions that share prompts, drawn at random. */
function groups() {
  const rng = new Rng(5);
  const ids = (length: number) => Array.from({ length }, () => rng.integer(0, 56));
  return Array.from({ length: 4 }, () => ({
    prompt: ids(rng.integer(3, 20)),
    completions: Array.from({ length: 5 }, () => ids(rng.integer(1, 30))),
  }));
}

describe.each(models)("whole gradient of %s", (_, create) => {
  async function gradients(device: Device, balanceScale: number) {
    const policy = create(device);
    const batch = packSequences(groups());
    const tape = new Tape(policy.stepScope, { recording: true });
    const rows = uploadRows(policy.stepScope, batch, policy.config);
    const { hidden } = policy.decoder.forward(tape, policy.weights, rows, { balanceScale });
    const entries = entryLogps(policy, tape, hidden, { ...batch, temperature: 1 });
    entries.seed(
      Array.from(batch.targets, (_target, i) => Math.sin(i * 1.7) / 100),
      Array.from(batch.targets, (_target, i) => Math.cos(i * 0.9) / 100),
    );
    tape.backward();
    const found = [];
    for (const { name, gradient } of policy.parameters.entries)
      found.push({ name, values: Float64Array.from(await device.read(gradient!)) });
    device.close();
    return found;
  }

  it("on native is that of the reference, to f32 rounding", async () => {
    const exact = await gradients(openDevice({ name: "reference" }), 0.01);
    const native = await gradients(openDevice({ name: "native", threads: 2, precision: "f32" }), 0.01);
    const largest = Math.max(...exact.map(({ values }) => Math.hypot(...values)));
    exact.forEach(({ name, values }, i) => {
      // A key's bias shifts all scores of a query alike: its gradient is zero but for rounding, hence the second term.
      const norm = Math.hypot(...values) + largest / 100;
      const gap = Math.hypot(...values.map((value, j) => value - native[i].values[j]));
      // A few hundred roundings of 6e-8 along each path through two layers, relative to the array's norm.
      expect(gap / norm, name).toBeLessThan(2e-5);
    });
  });
});
