import { describe, expect, it } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import { describeDevices, openDevice } from "../../src/engine/registry.ts";

/** A prompt, three attempts at it, and a continuation of the second: one tree; stored in another order, with gaps between. */
const tree = [
  [70, 33, 70, 0, -1, 1],
  [40, 21, 40, 0, 0, 1],
  [2, 30, 2, 0, 0, 1],
  [62, 5, 62, 0, 0, 1],
  [104, 18, 104, 0, 2, 1],
];
const rows = 125;
const maxKeys = 33 + 30 + 18;

/** dQ, dK and dV of random operands, as bytes. */
async function gradients(isa: string, threads: number, segments: number[][], heads: number, kvHeads: number) {
  const device = openDevice({ name: "native", isa, threads, precision: "f32" });
  const headDim = 24;
  const rng = new Rng(heads, kvHeads);
  const random = (width: number) => {
    const buffer = device.allocate("f32", rows * width);
    device.write(
      buffer,
      Float32Array.from({ length: rows * width }, () => rng.normal()),
    );
    return buffer;
  };
  const table = device.allocate("i32", segments.length * 6);
  device.write(table, segments.flat());
  const [q, dOut] = [random(heads * headDim), random(heads * headDim)];
  const [k, v] = [random(kvHeads * headDim), random(kvHeads * headDim)];
  const [out, dQ] = [random(heads * headDim), random(heads * headDim)];
  const [lse, dK, dV] = [random(heads), random(kvHeads * headDim), random(kvHeads * headDim)];
  const shared = { q, k, v, out, lse, segments: table, slopes: null };
  const sizes = { count: segments.length, heads, kvHeads, headDim, scale: 0.2, maxKeys };
  device.enqueue("attention", { ...shared, ...sizes });
  device.enqueue("attentionBackward", { ...shared, dOut, dQ, dK, dV, rows, ...sizes });
  const results = [];
  for (const buffer of [dQ, dK, dV]) results.push(Buffer.from((await device.read(buffer)).buffer));
  device.close();
  return results;
}

const levels = describeDevices().native.levels.filter(({ available }) => available);

describe.each(levels.map(({ name }) => name))("gradient of native attention on %s", (isa) => {
  it.each([
    { name: "one tree", segments: tree, heads: 3, kvHeads: 1 },
    { name: "one tree, two kv-heads", segments: tree, heads: 4, kvHeads: 2 },
    { name: "two trees", segments: [...tree, [0, 2, 0, 0, -1, 1]], heads: 2, kvHeads: 1 },
  ])("$name: the same bits however many threads share it", async ({ segments, heads, kvHeads }) => {
    const expected = await gradients(isa, 1, segments, heads, kvHeads);
    expect(expected.every((bytes) => bytes.some((byte) => byte !== 0))).toBe(true);
    for (const threads of [2, 3, 7]) {
      const came = await gradients(isa, threads, segments, heads, kvHeads);
      expect(came.map((bytes, i) => bytes.equals(expected[i]))).toEqual([true, true, true]);
    }
  });
});
