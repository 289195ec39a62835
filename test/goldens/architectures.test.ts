import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { linear } from "../../src/engine/ops/linear.ts";
import { type DeviceOptions, openDevice } from "../../src/engine/registry.ts";
import { Tape } from "../../src/engine/tape.ts";
import { readSafetensors, type SafetensorsData } from "../../src/model/formats/safetensors.ts";
import { elementsOf, type StoredTensor } from "../../src/model/formats/weight-source.ts";
import { packSequences, uploadRows } from "../../src/model/packed-batch.ts";
import { attachPeft } from "../../src/model/peft.ts";
import { peftTensors, toPeft } from "../../src/model/peft-names.ts";
import { closePolicy, entryLogps, type Policy } from "../../src/model/policy.ts";
import { loadPretrained } from "../../src/model/pretrained.ts";
import { placeDecoder } from "../../src/model/pretrained-places.ts";
import { openPretrained } from "../../src/model/pretrained-source.ts";
import { readValues } from "../../src/model/pretrained-values.ts";
import { sampleAttempts } from "../../src/rollout/rollout.ts";

const root = join(import.meta.dirname, "architectures");
const names = readdirSync(root).sort();
const deviceOptions: DeviceOptions[] = [{ name: "reference" }, { name: "native", threads: 2, precision: "f32" }];

describe.each(deviceOptions)("on $name", (options) => {
  const device = openDevice(options);
  afterAll(() => device.close());

  describe.each(names)("%s as transformers computes it", (name) => {
    const path = join(root, name);
    const { tensors } = readSafetensors(join(path, "goldens.safetensors"));
    const golden = (key: string): SafetensorsData => tensors.get(key)!.data;
    const ids = (key: string) => Array.from(golden(key) as Int32Array);

    it("whole: logits, log-probabilities, gradients, greedy tokens", async () => {
      const { policy } = loadPretrained(device, { kind: "directory", path }, { trained: true, trainRouter: true });
      const sequences = [0, 1, 2].map((n) => ids(`tokens.${n}`));
      const expected = [0, 1, 2].map((n) => golden(`logits.${n}`) as Float32Array);
      expectLogits(await logitsOf(policy, sequences), Float32Array.from(expected.flatMap((one) => [...one])));

      const logps = await backward(policy, ids("prompt"), ids("completion"));
      expectWithin(logps, golden("logps") as Float32Array, 1e-4, "log-probabilities");
      const gradients = new Map<string, Float64Array>();
      for (const { name: array, gradient } of policy.parameters.entries)
        gradients.set(array, Float64Array.from(await device.read(gradient!)));
      const wanted = goldenGradients(path, (key) => golden(`gradient.${key}`) as Float32Array);
      expectGradients(gradients, wanted);

      const greedy = { temperature: 0, maxNewTokens: 32, eosId: -1 };
      const { attempts } = await sampleAttempts(policy, [ids("prompt")], greedy);
      expect(attempts[0][0].tokens).toEqual(ids("greedy"));
      closePolicy(policy);
    });

    it("frozen in bf16, with an adapter of PEFT's: logits and gradients", async () => {
      const { policy: base, modelType } = loadPretrained(device, { kind: "directory", path });
      expect(base.weights.get("layers.0.query.weight").format).toBe("bf16");
      const policy = attachPeft(base, join(path, "adapter"), { modelType, trained: true });
      expectLogits(await logitsOf(policy, [ids("tokens.0")]), golden("adapterLogits.0") as Float32Array);

      await backward(policy, ids("prompt"), ids("completion"));
      const { modules } = policy.adapter!;
      const gradients = new Map<string, Float32Array>();
      for (const tensor of peftTensors(modelType, modules).tensors) {
        const ours = [];
        for (const array of tensor.ours)
          ours.push(Float32Array.from(await device.read(policy.parameters.get(array).gradient!)));
        gradients.set(tensor.name, toPeft(tensor, ours));
      }
      const keys = [...tensors.keys()].filter((key) => key.startsWith("adapterGradient."));
      const wanted = keys.map((key) => [key.slice("adapterGradient.".length), golden(key) as Float32Array] as const);
      expectGradients(gradients, new Map(wanted));
      closePolicy(policy);
    });
  });
});

/** Logits of every row of several sequences, packed into one batch, one after the other. */
async function logitsOf(policy: Policy, sequences: readonly (readonly number[])[]): Promise<Float64Array> {
  const { stepScope, decoder, config, weights, device } = policy;
  const tape = new Tape(stepScope, { recording: false });
  const batch = packSequences(sequences.map((prompt) => ({ prompt, completions: [] })));
  const { hidden } = decoder.forward(tape, weights, uploadRows(stepScope, batch, config));
  const logits = await device.read(linear(tape, hidden, decoder.outputHead(weights)).buffer);
  stepScope.end();
  return Float64Array.from(logits, (logit) => logit * config.logitScale);
}

/** Log-probabilities of a completion; leaves the gradients of minus their mean in the policy's parameters. */
async function backward(policy: Policy, prompt: number[], completion: number[]): Promise<ArrayLike<number>> {
  const { stepScope, decoder, config, weights, device } = policy;
  const tape = new Tape(stepScope, { recording: true });
  const batch = packSequences([{ prompt, completions: [completion] }]);
  const { hidden } = decoder.forward(tape, weights, uploadRows(stepScope, batch, config));
  const entries = entryLogps(policy, tape, hidden, { ...batch, temperature: 1 });
  entries.seed(
    completion.map(() => -1 / completion.length),
    completion.map(() => 0),
  );
  tape.backward();
  const logps = (await device.read(entries.logps)) as ArrayLike<number>;
  stepScope.end();
  return logps;
}

/** Gradients under our names: the file's lie as its weights do, and are read as those are. */
function goldenGradients(path: string, of: (stored: string) => Float32Array): Map<string, Float32Array> {
  const model = openPretrained({ kind: "directory", path });
  const gradients = [...model.source.tensors.values()].map((tensor): [string, StoredTensor] => {
    const { buffer, byteOffset, byteLength } = of(tensor.name);
    return [tensor.name, { ...tensor, format: "f32", bytes: () => new Uint8Array(buffer, byteOffset, byteLength) }];
  });
  const arrays = placeDecoder({ ...model, source: { ...model.source, tensors: new Map(gradients) } });
  model.source.close();
  return new Map(arrays.map((array) => [array.name, readValues(array)]));
}

/** Every logit within 1e-4 of the logits' standard deviation. */
function expectLogits(found: ArrayLike<number>, expected: Float32Array): void {
  const mean = expected.reduce((sum, one) => sum + one, 0) / expected.length;
  const deviation = Math.sqrt(expected.reduce((sum, one) => sum + (one - mean) ** 2, 0) / expected.length);
  expectWithin(found, expected, 1e-4 * deviation, "logits");
}

function expectWithin(found: ArrayLike<number>, expected: Float32Array, bound: number, what: string): void {
  expect(found.length, what).toBe(expected.length);
  const gap = expected.reduce((most, one, i) => Math.max(most, Math.abs(one - found[i])), 0);
  expect(gap, what).toBeLessThan(bound);
}

/**
 * Every array's gradient within 1e-3 of its own norm, or, where it is zero but for rounding, of 1e-4 of the whole
 * gradient's.
 */
function expectGradients(
  found: ReadonlyMap<string, ArrayLike<number>>,
  expected: ReadonlyMap<string, Float32Array>,
): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  const whole = Math.hypot(...[...expected.values()].map((values) => Math.hypot(...values)));
  for (const [name, values] of expected) {
    const ours = found.get(name)!;
    expect(ours.length, name).toBe(elementsOf([values.length]));
    const gap = Math.hypot(...values.map((value, i) => value - ours[i]));
    expect(gap / Math.max(Math.hypot(...values), 1e-4 * whole), name).toBeLessThan(1e-3);
  }
}
