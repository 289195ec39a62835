import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type OutgoingTensor, type PublishedFormat, writeSafetensorsModel } from "./safetensors-model.ts";
import { openSafetensors } from "./safetensors-source.ts";
import { readRows } from "./weight-source.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-model-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const dir = join(root, "out");
beforeEach(() => {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
});

const tensor = (name: string, dtype: PublishedFormat, ...values: number[]): OutgoingTensor => ({
  name,
  dtype,
  shape: [values.length],
  values: () => Float32Array.from(values),
});

describe("writeSafetensorsModel", () => {
  it("writes one file, in the formats asked for", async () => {
    const tensors = [tensor("b", "F32", 0.1), tensor("a", "BF16", 0.1, -3), tensor("c", "F16", 0.1, 1e-7)];
    expect(await writeSafetensorsModel(dir, tensors)).toEqual(["model.safetensors"]);
    expect(readdirSync(dir)).toEqual(["model.safetensors"]);
    const source = openSafetensors(dir);
    expect([...source.tensors.values()].map((one) => [one.name, one.format, ...readRows(one)])).toEqual([
      ["b", "f32", Math.fround(0.1)],
      ["a", "bf16", 0.10009765625, -3],
      ["c", "f16", 0.0999755859375, 2 ** -23],
    ]);
    source.close();
    // transformers refuses a file that does not say so.
    expect(readFileSync(join(dir, "model.safetensors"), "latin1")).toContain('{"__metadata__":{"format":"pt"},');
  });

  it("splits into shards that keep to the bound, one tensor in memory at a time", async () => {
    const order: string[] = [];
    const outgoing = [10, 30, 5, 5, 1].map((length, i) => ({
      name: String(4 - i),
      dtype: "F32" as const,
      shape: [1, length],
      values: async () => {
        order.push(String(4 - i));
        return new Float32Array(length).fill(i);
      },
    }));
    const names = await writeSafetensorsModel(dir, outgoing, { maxShardBytes: 40 });
    expect(names).toEqual([1, 2, 3, 4].map((i) => `model-0000${i}-of-00004.safetensors`));
    expect(readFileSync(join(dir, "model.safetensors.index.json"), "utf8")).toBe(
      `{
  "metadata": {
    "total_size": 204
  },
  "weight_map": {
    "4": "${names[0]}",
    "3": "${names[1]}",
    "2": "${names[2]}",
    "1": "${names[2]}",
    "0": "${names[3]}"
  }
}
`,
    );
    expect(order).toEqual(["4", "3", "2", "1", "0"]);
    const source = openSafetensors(dir);
    for (const [i, { name, shape }] of outgoing.entries())
      expect(readRows(source.tensors.get(name)!)).toEqual(new Float32Array(shape[1]).fill(i));
    source.close();
  });

  it("leaves nothing behind when it fails", async () => {
    const good = tensor("good", "F32", 1, 2);
    const refused = async (last: OutgoingTensor) => {
      const error = await writeSafetensorsModel(dir, [good, last], { maxShardBytes: 8 }).catch((thrown) => thrown);
      expect(readdirSync(dir)).toEqual([]);
      return (error as Error).message;
    };
    expect(await refused({ ...good, name: "bad", shape: [3] })).toContain(
      'tensor "bad": expected 3 values for shape [3], got 2',
    );
    expect(await refused(tensor("bad", "F16", 1, 70000))).toContain('tensor "bad": 70000 is too large for f16');
    const failing = () => Promise.reject(new Error("device lost"));
    expect(await refused({ ...good, name: "bad", values: failing })).toBe("device lost");
    expect(await refused(good)).toContain('tensor "good" comes twice');
  });

  it("does not write beside other weights, which would be read in its stead", async () => {
    writeFileSync(join(dir, "model.safetensors"), "old");
    await expect(writeSafetensorsModel(dir, [tensor("a", "F32", 1)])).rejects.toThrow(
      `${dir}: already holds weights (model.safetensors); choose a new directory`,
    );
    expect(readFileSync(join(dir, "model.safetensors"), "utf8")).toBe("old");
  });
});
