import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type DeviceOptions, openDevice } from "../../src/engine/registry.ts";
import { readSafetensors } from "../../src/model/formats/safetensors.ts";
import { loadEncoder } from "../../src/model/pretrained-encoder.ts";

const root = join(import.meta.dirname, "encoders");
const deviceOptions: DeviceOptions[] = [{ name: "reference" }, { name: "native", threads: 2, precision: "f32" }];

describe.each(deviceOptions)("on $name", (options) => {
  const device = openDevice(options);
  afterAll(() => device.close());

  it.each(readdirSync(root).sort())("%s: hidden states of every layer as transformers computes them", async (name) => {
    const path = join(root, name);
    const { tensors } = readSafetensors(join(path, "goldens.safetensors"));
    const texts = [0, 1, 2, 3].map((n) => Array.from(tensors.get(`tokens.${n}`)!.data as Int32Array));
    const before = device.memory().bytes;
    const { encoder } = loadEncoder(device, { kind: "directory", path });
    expect(encoder.config.layers).toBe(3);
    for (let layers = 0; layers <= 3; layers++) {
      const found = await encoder.hiddenRows(texts, { layers });
      texts.forEach((_, n) => {
        const expected = tensors.get(`hidden.${n}.${layers}`)!.data as Float32Array;
        expect(relativeError(found[n], expected), `text ${n}, layer ${layers}`).toBeLessThan(1e-5);
      });
    }
    encoder.close();
    expect(device.memory().bytes).toBe(before);
  });
});

/** The largest difference, in standard deviations of what is expected, which are about 0 in the mean. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  expect(found.length).toBe(expected.length);
  const deviation = Math.sqrt(expected.reduce((sum, one) => sum + one * one, 0) / expected.length);
  return found.reduce((largest, one, i) => Math.max(largest, Math.abs(one - expected[i])), 0) / deviation;
}
