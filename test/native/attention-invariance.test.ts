import { describe, expect, it } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import type { Device } from "../../src/engine/device.ts";
import { describeDevices, openDevice } from "../../src/engine/registry.ts";

/** Where a token's rows are and what its query sees: one layout of the same chain of tokens. */
interface Layout {
  /** Rows of q and out, and of k and v. */
  queryRows: number;
  keyRows: number;
  /** Row of q, and row of k and v, that hold token t; −1 where the layout has none. */
  queryRow(t: number): number;
  keyRowsOf(t: number): number[];
  segments: number[][];
}

interface Shape {
  tokens: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  slopes: number[] | null;
}

const shapes: Shape[] = [
  { tokens: 45, heads: 2, kvHeads: 2, headDim: 16, slopes: [0.25, 0.0625] },
  { tokens: 45, heads: 4, kvHeads: 2, headDim: 32, slopes: null },
  { tokens: 37, heads: 3, kvHeads: 1, headDim: 24, slopes: [0.5, 0.1, 0] },
  { tokens: 150, heads: 2, kvHeads: 1, headDim: 64, slopes: [0.25, 0.0625] },
];

/** All tokens as one chain of segments, stored in one piece each, with rows between them that nobody may read. */
function packed(lengths: number[]): Layout {
  const starts = lengths.map((_, s) => lengths.slice(0, s).reduce((sum, length) => sum + length + 3, 2));
  const rows = starts[starts.length - 1] + lengths[lengths.length - 1] + 1;
  const row = (t: number) => {
    let s = 0;
    for (; t >= lengths[s]; s++) t -= lengths[s];
    return starts[s] + t;
  };
  return {
    queryRows: rows,
    keyRows: rows,
    queryRow: row,
    keyRowsOf: (t) => [row(t)],
    segments: lengths.map((length, s) => [starts[s], length, starts[s], 0, s - 1, 1]),
  };
}

/** Every token from `prompt` on decoded alone, each from its own copy in a cache [time][sequence], after a shared prompt. */
function decoded(tokens: number, prompt: number): Layout {
  const sequences = tokens - prompt;
  const cacheStart = prompt + 1;
  const slot = (time: number, sequence: number) => cacheStart + time * sequences + sequence;
  const own = Array.from({ length: sequences }, (_, i) => [i, 1, slot(0, i), i, prompt > 0 ? 0 : -1, sequences]);
  return {
    queryRows: sequences,
    keyRows: slot(sequences, 0),
    queryRow: (t) => t - prompt,
    keyRowsOf: (t) =>
      t < prompt ? [t] : Array.from({ length: tokens - t }, (_, i) => slot(t - prompt, t - prompt + i)),
    segments: prompt > 0 ? [[0, 0, 0, prompt, -1, 1], ...own] : own,
  };
}

/** Two children with the same tokens after one prompt, in reverse order of storage: the second is the one looked at. */
function siblings(tokens: number, prompt: number): Layout {
  const length = tokens - prompt;
  const starts = [2 * length, length, 0];
  return {
    queryRows: tokens + length,
    keyRows: tokens + length,
    queryRow: (t) => (t < prompt ? starts[0] + t : starts[2] + t - prompt),
    keyRowsOf: (t) => (t < prompt ? [starts[0] + t] : [starts[1] + t - prompt, starts[2] + t - prompt]),
    segments: [
      [starts[0], prompt, starts[0], 0, -1, 1],
      [starts[1], length, starts[1], 0, 0, 1],
      [starts[2], length, starts[2], 0, 0, 1],
    ],
  };
}

/** Outputs and lse of each token that the layout has, as bytes. */
async function attend(device: Device, shape: Shape, layout: Layout, firstToken: number): Promise<Buffer[]> {
  const { tokens, heads, kvHeads, headDim, slopes } = shape;
  const rng = new Rng(tokens, headDim);
  const q = new Float32Array(layout.queryRows * heads * headDim).fill(Number.NaN);
  const k = new Float32Array(layout.keyRows * kvHeads * headDim).fill(Number.NaN);
  const v = Float32Array.from(k);
  for (let t = 0; t < tokens; t++) {
    const draw = (width: number) => Float32Array.from({ length: width }, () => 1.5 * rng.normal());
    const [query, key, value] = [draw(heads * headDim), draw(kvHeads * headDim), draw(kvHeads * headDim)];
    if (t >= firstToken) q.set(query, layout.queryRow(t) * query.length);
    for (const row of layout.keyRowsOf(t)) {
      k.set(key, row * key.length);
      v.set(value, row * value.length);
    }
  }
  // Rows that no token has, and the queries of a sibling, stay NaN: none of them may reach an output that is looked at.
  const put = (dtype: "f32" | "i32", data: ArrayLike<number>) => {
    const buffer = device.allocate(dtype, data.length);
    device.write(buffer, data);
    return buffer;
  };
  const out = device.allocate("f32", q.length);
  const lse = device.allocate("f32", layout.queryRows * heads);
  device.enqueue("attention", {
    q: put("f32", q),
    k: put("f32", k),
    v: put("f32", v),
    segments: put("i32", layout.segments.flat()),
    slopes: slopes && put("f32", slopes),
    out,
    lse,
    count: layout.segments.length,
    heads,
    kvHeads,
    headDim,
    scale: 1 / Math.sqrt(headDim),
    maxKeys: tokens,
  });
  const outputs = (await device.read(out)) as Float32Array;
  const sums = (await device.read(lse)) as Float32Array;
  return Array.from({ length: tokens - firstToken }, (_, i) => {
    const row = layout.queryRow(firstToken + i);
    return Buffer.concat([
      Buffer.from(outputs.slice(row * heads * headDim, (row + 1) * heads * headDim).buffer),
      Buffer.from(sums.slice(row * heads, (row + 1) * heads).buffer),
    ]);
  });
}

const levels = describeDevices().native.levels.filter(({ available }) => available);

describe.each(levels.map(({ name }) => name))("native attention on %s", (isa) => {
  it.each(shapes)(
    "$heads heads of $headDim over $kvHeads kv-heads, $tokens tokens: decoded = packed = split over parents",
    async (shape) => {
      const one = openDevice({ name: "native", threads: 1, isa });
      const two = openDevice({ name: "native", threads: 2, isa });
      const { tokens } = shape;
      const expected = await attend(one, shape, packed([tokens]), 0);
      expect(
        expected.every((bytes) =>
          new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).every(Number.isFinite),
        ),
      ).toBe(true);
      const layouts: [string, Layout, number][] = [
        ["one segment", packed([tokens]), 0],
        ["split 17", packed([17, tokens - 17]), 0],
        ["split 1, 15", packed([1, 15, tokens - 16]), 0],
        ["split 16, 3, 2", packed([16, 3, 2, tokens - 21]), 0],
        ["decoded alone", decoded(tokens, 0), 0],
        ["decoded after a prompt of 17", decoded(tokens, 17), 17],
        ["decoded after a prompt of 32", decoded(tokens, 32), 32],
        ["siblings", siblings(tokens, 19), 0],
      ];
      for (const [name, layout, firstToken] of layouts) {
        for (const device of [one, two]) {
          const came = await attend(device, shape, layout, firstToken);
          const differing = came.flatMap((bytes, i) =>
            bytes.equals(expected[firstToken + i]) ? [] : [firstToken + i],
          );
          expect(differing, `${name}, ${device.info.threads} threads: tokens whose bits differ`).toEqual([]);
        }
      }
      one.close();
      two.close();
    },
  );
});
