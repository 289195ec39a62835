import { describe, expect, it } from "vitest";
import { bytesOf, decodeWeight, encodeWeight, type WeightFormat } from "../../src/engine/weight-formats.ts";
import goldens from "./weight-formats.json" with { type: "json" };

const bytesIn = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
const floatsIn = (text: string): Float32Array => new Float32Array(bytesIn(text).buffer);

describe("weights in blocks have the values that others read from them, bit for bit", () => {
  for (const [format, { shape, bytes, values }] of Object.entries(goldens.gguf)) {
    it(`${format}: gguf ${goldens.versions.gguf}`, () => {
      expect(decodeWeight(format as WeightFormat, bytesIn(bytes), shape)).toEqual(floatsIn(values));
    });
  }

  for (const golden of goldens.nf4) {
    const { shape } = golden;
    /** bitsandbytes' parts in our order. */
    const parts = Buffer.concat([golden.mean, golden.scales, golden.codes, golden.absmax].map(bytesIn));

    it(`nf4 [${shape}]: bitsandbytes ${goldens.versions.bitsandbytes}`, () => {
      const bytes = new Uint8Array(bytesOf("nf4", shape));
      bytes.set(parts);
      expect(decodeWeight("nf4", bytes, shape)).toEqual(floatsIn(golden.values));
    });

    it(`nf4 [${shape}]: quantised as bitsandbytes does, but for the last bit of a mean`, () => {
      const encoded = encodeWeight("nf4", floatsIn(golden.weights), shape);
      const codesAt = 4 + bytesIn(golden.scales).length;
      const codes = bytesIn(golden.codes);
      expect(encoded.subarray(codesAt, codesAt + codes.length)).toEqual(codes);
      const [came, expected] = [decodeWeight("nf4", encoded, shape), floatsIn(golden.values)];
      const worst = came.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
      expect(worst).toBeLessThan(1e-6);
    });
  }
});
