import { Rng } from "../../../src/base/rng.ts";
import { packed, type SegmentRow, segmentTable } from "../cases/segments.ts";
import { definePair, type GradientPair, normals, run, unwritten } from "./finite-differences.ts";

interface Shape {
  segments: SegmentRow[];
  heads: number;
  kvHeads: number;
  headDim: number;
  alibi: boolean;
}

export function attentionPairs(): GradientPair[] {
  return [
    pair("attention", { segments: packed([6]), heads: 2, kvHeads: 2, headDim: 3, alibi: false }),
    pair("attention, ALiBi", { segments: packed([6], [1]), heads: 2, kvHeads: 2, headDim: 3, alibi: true }),
    pair("attention, grouped queries", { segments: packed([5]), heads: 6, kvHeads: 2, headDim: 2, alibi: true }),
    pair("attention, group on a prompt", {
      segments: packed([3], [2, 0], [3, 0], [2, 1]),
      ...{ heads: 2, kvHeads: 1, headDim: 4, alibi: true },
    }),
    pair("attention, strided group on a prompt", {
      segments: [
        { queryCount: 3 },
        { queryStart: 3, keyStart: 3, queryCount: 2, parent: 0, stride: 2 },
        { queryStart: 4, keyStart: 4, queryCount: 2, parent: 0, stride: 2 },
      ],
      ...{ heads: 2, kvHeads: 2, headDim: 2, alibi: true },
    }),
  ];
}

function pair(name: string, shape: Shape): GradientPair {
  const { heads, kvHeads, headDim } = shape;
  const table = segmentTable(shape.segments);
  const rows = table.queryRows;
  const rng = new Rng(11, rows);
  const shared = {
    segments: table.segments.data as Int32Array,
    slopes: shape.alibi ? Float64Array.from({ length: heads }, (_, h) => 0.5 / (h + 1)) : null,
    ...{ count: table.count, heads, kvHeads, headDim, scale: 0.8, maxKeys: table.maxKeys },
  };
  const out = unwritten(rows * heads * headDim);
  const lse = unwritten(rows * heads);
  return definePair({
    name,
    inputs: {
      q: normals(rng, rows * heads * headDim),
      k: normals(rng, rows * kvHeads * headDim),
      v: normals(rng, rows * kvHeads * headDim),
    },
    forward({ q, k, v }) {
      run("attention", { q, k, v, out, lse, ...shared });
      return { out: out.slice() };
    },
    backward(inputs, { out: dOut }) {
      const dQ = unwritten(inputs.q.length);
      const [dK, dV] = [unwritten(inputs.k.length), unwritten(inputs.v.length)];
      run("attentionBackward", { ...inputs, dOut, out, lse, dQ, dK, dV, rows, ...shared });
      return { q: dQ, k: dK, v: dV };
    },
  });
}
