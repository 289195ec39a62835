import { afterEach, describe, expect, it } from "vitest";
import { Rng } from "../base/rng.ts";
import type { Device } from "../engine/device.ts";
import { openDevice } from "../engine/registry.ts";
import { Scope } from "../engine/scope.ts";
import { type KeptActivations, Tape } from "../engine/tape.ts";
import { encodeWeight } from "../engine/weight-formats.ts";
import { type DecoderConfig, mathFormer } from "./config.ts";
import { FrozenWeights } from "./frozen-weights.ts";
import { attachLora } from "./lora.ts";
import { packSequences, uploadRows } from "./packed-batch.ts";
import { closePolicy, createPolicy, entryLogps, frozenPolicy, type Policy } from "./policy.ts";

const tiny = { size: "tiny", width: 32, heads: 4, feedForward: 48, layers: 3 } as const;
const shapes: Record<string, DecoderConfig> = {
  mathformer: mathFormer(tiny, 29),
  llama: { ...mathFormer({ ...tiny, block: "llama" }, 29), qkNorm: "head", residualScale: 0.5 },
  mixture: {
    ...mathFormer({ ...tiny, block: "llama", experts: 4, activeExperts: 2 }, 29),
    denseLayers: [1],
    denseFeedForward: 40,
  },
};

function batchOf(rows: number) {
  const rng = new Rng(5);
  const ids = (length: number) => Array.from({ length }, () => rng.integer(0, 28));
  return packSequences([{ prompt: ids(rows >> 2), completions: [ids(rows >> 2), ids(rows >> 2), ids(rows >> 2)] }]);
}

/** What is trained, and how the rest is held. */
interface Training {
  /** Dropout of the adapter that is trained; null: all weights are. */
  dropout: number | null;
  /** Frozen matrices in blocks, each in the next format; else f32. */
  blocks?: boolean;
}

const trainings: Record<string, Training> = {
  "all weights": { dropout: null },
  "an adapter": { dropout: 0 },
  "an adapter with dropout": { dropout: 0.3 },
  "an adapter on weights in blocks": { dropout: 0, blocks: true },
  "an adapter with dropout on weights in blocks": { dropout: 0.3, blocks: true },
};

async function policyFor(device: Device, config: DecoderConfig, { dropout, blocks }: Training): Promise<Policy> {
  const plain = createPolicy(device, config, { seed: 1, trained: dropout === null });
  if (dropout === null) return plain;
  if (!blocks) return withAdapter(plain, dropout);
  const formats = ["bf16", "int8", "f16", "nf4"] as const;
  const weights = new FrozenWeights(device);
  for (const [i, { name, shape, buffer }] of plain.parameters.entries.entries()) {
    const values = Float32Array.from(await device.read(buffer));
    const format = formats[i % formats.length];
    if (shape.length === 1 || /bias|router/.test(name)) weights.add(name, shape, "f32", values);
    else weights.add(name, shape, format, encodeWeight(format, values, shape));
  }
  closePolicy(plain);
  return withAdapter(frozenPolicy(device, config, weights), dropout);
}

function withAdapter(policy: Policy, dropout: number): Policy {
  // Beside experts there is no dropout.
  const adapted = attachLora(policy, { rank: 3, dropout, experts: policy.config.experts > 0 && dropout === 0 });
  const { device, parameters } = adapted;
  const rng = new Rng(8);
  // A fresh B is zero, and A's gradient with it.
  device.write(
    parameters.values,
    Float32Array.from({ length: parameters.length }, () => 0.1 * rng.normal()),
  );
  return adapted;
}

/** Two steps on one policy, so that the second finds the memory of the first used. */
async function gradients(device: Device, config: DecoderConfig, training: Training, kept: KeptActivations) {
  const policy = await policyFor(device, config, training);
  const found: Record<string, number[]> = {};
  for (const step of [1, 2]) {
    const batch = batchOf(20 * step);
    const tape = new Tape(policy.stepScope, { recording: true, activations: kept });
    const rows = uploadRows(policy.stepScope, batch, config);
    const { hidden, routings } = policy.decoder.forward(tape, policy.weights, rows, {
      balanceScale: 0.01,
      dropout: { update: step, firstRow: 0 },
    });
    const entries = entryLogps(policy, tape, hidden, { ...batch, temperature: 1 });
    const targets = batch.targets;
    entries.seed(
      Float64Array.from(targets, (_, i) => Math.sin(i * 1.7) / 100),
      Float64Array.from(targets, (_, i) => Math.cos(i * 0.9) / 100),
    );
    tape.backward();
    found[`logps ${step}`] = [...(await device.read(entries.logps))];
    for (const [i, { offsets, balance }] of routings.entries()) {
      found[`offsets ${step}, ${i}`] = [...(await device.read(offsets))];
      found[`probabilities ${step}, ${i}`] = [...(await device.read(balance!.probabilities))];
    }
    policy.stepScope.end();
  }
  for (const { name, gradient } of policy.parameters.entries) found[name] = [...(await device.read(gradient!))];
  closePolicy(policy);
  return found;
}

let device: Device;
afterEach(() => {
  device.close();
  // Native calls never wait, so without this the test runner would not hear of a file until its end.
  return new Promise(setImmediate);
});

describe.each(Object.entries(shapes))("%s: a recording pass in sections", (_, config) => {
  const cases = (["reference", "native"] as const).flatMap((name) =>
    Object.entries(trainings).map(([what, training]) => [name, what, training] as const),
  );
  it.each(cases)("on %s has the same gradient bits whatever it keeps, training %s", async (name, _what, training) => {
    device = openDevice({ name, threads: name === "native" ? 2 : undefined });
    const whole = await gradients(device, config, training, "all");
    expect(Object.values(whole).some((values) => values.some((value) => value !== 0))).toBe(true);
    expect(await gradients(device, config, training, "costly")).toEqual(whole);
    expect(await gradients(device, config, training, "inputs")).toEqual(whole);
    if (training.dropout)
      expect(await gradients(device, config, { ...training, dropout: 0 }, "all")).not.toEqual(whole);
    expect(device.memory().bytes).toBe(0);
  });

  it("that is not recorded gives the same rows, and holds no more of 12 layers than of 3", async () => {
    device = openDevice({ name: "native", threads: 2 });
    const bytes: number[] = [];
    for (const layers of [3, 12]) {
      const policy = createPolicy(device, { ...config, layers }, { seed: 1, trained: false });
      const batch = batchOf(2000);
      const before = device.memory().bytes;
      const hidden: number[][] = [];
      for (const recording of [false, true]) {
        const tape = new Tape(policy.stepScope, { recording });
        const rows = uploadRows(policy.stepScope, batch, policy.config);
        const pass = policy.decoder.forward(tape, policy.weights, rows);
        hidden.push([...(await device.read(pass.hidden.buffer))]);
        // Which expert took a row is still there; a last layer of two active experts sends every row to two.
        for (const { offsets, experts } of pass.routings)
          expect((await device.read(offsets))[experts]).toBe(2 * rows.tokens.length);
        if (!recording) bytes.push(device.memory().bytes - before);
        policy.stepScope.end();
      }
      expect(hidden[1]).toEqual(hidden[0]);
      closePolicy(policy);
    }
    // What is read after the pass, i32 numbers of each mixture layer's slots, stays.
    const routings = config.experts > 0 ? 9 * 2000 * 3 * 2 * 4 : 0;
    expect(bytes[1] - bytes[0]).toBeLessThan(2 ** 20 + 2 * routings);
  });
});

it("holds, of a layer of SmolLM2's sizes with additions to query and value, less and less", async () => {
  device = openDevice({ name: "native", threads: 2 });
  /** f32 numbers per row that a recording pass came to hold at once. */
  const held: Record<KeptActivations, number[]> = { all: [], costly: [], inputs: [] };
  for (const layers of [1, 2]) {
    const config: DecoderConfig = {
      ...mathFormer({ size: "tiny", width: 576, heads: 9, feedForward: 1536, layers, block: "llama" }, 29),
      kvHeads: 3,
    };
    const base = createPolicy(device, config, { seed: 1, trained: false });
    for (const activations of ["all", "costly", "inputs"] as const) {
      const policy = attachLora({ ...base, owned: [] }, { targetModules: ["query", "value"] });
      const scope = new Scope(device);
      const rows = uploadRows(scope, batchOf(400), config);
      policy.decoder.forward(new Tape(scope, { recording: true, activations }), policy.weights, rows);
      held[activations].push(scope.mostElements / rows.tokens.length);
      scope.close();
      policy.parameters.close();
    }
    closePolicy(base);
  }
  // Queries, keys, values, attention's output and log-sum-exp, two products of rank 16 before and after their scale, the
  // stream after attention and after the layer, two norms and their 1/rms, and the feed-forward's three.
  const all = 576 + 2 * 192 + 576 + 9 + 4 * 16 + 2 * 576 + 2 * (576 + 1) + 3 * 1536;
  const ofALayer = (kept: KeptActivations) => held[kept][1] - held[kept][0];
  expect(ofALayer("all")).toBeCloseTo(all, -1);
  expect(ofALayer("costly")).toBeCloseTo(all - 2 * 576 - 1536, -1);
  expect(ofALayer("inputs")).toBeCloseTo(576, -1);
});
