import {
  afterReference,
  type CaseArguments,
  type CaseBuffer,
  type ConformanceCase,
  Draw,
  defineCase,
  floats,
  output,
} from "../case.ts";
import { EPSILON_F32, type Tolerance } from "../tolerance.ts";
import { packed, type SegmentRow, segmentTable } from "./segments.ts";

interface Shape {
  name: string;
  segments: SegmentRow[];
  heads: number;
  kvHeads: number;
  headDim: number;
  alibi?: boolean;
  /** Multiplies the usual 1/√headDim: large values make softmax pick single keys. */
  sharpness?: number;
}

/** Whole sequences, the layout of training; their queries are their keys, so they have a backward. */
const sequences: Shape[] = [
  { name: "one token", segments: packed([1]), heads: 1, kvHeads: 1, headDim: 1 },
  { name: "17 tokens", segments: packed([17]), heads: 2, kvHeads: 2, headDim: 16, alibi: true },
  { name: "odd head width", segments: packed([9], [4]), heads: 3, kvHeads: 3, headDim: 5, alibi: true },
  { name: "packed", segments: packed([5], [1], [16], [33]), heads: 4, kvHeads: 4, headDim: 8 },
  { name: "grouped queries", segments: packed([20], [13]), heads: 6, kvHeads: 2, headDim: 24, alibi: true },
  { name: "one key head", segments: packed([31]), heads: 4, kvHeads: 1, headDim: 32 },
  { name: "group", segments: packed([9], [4, 0], [7, 0], [1, 0]), heads: 2, kvHeads: 2, headDim: 16, alibi: true },
  {
    name: "two groups, interleaved in the table",
    segments: packed([3], [20], [5, 1], [6, 0], [17, 1], [2, 0]),
    ...{ heads: 4, kvHeads: 2, headDim: 16, alibi: true },
  },
  {
    name: "great-grandchildren",
    segments: packed([6], [5, 0], [4, 1], [3, 2], [2, 1]),
    heads: 2,
    kvHeads: 1,
    headDim: 12,
  },
  {
    name: "stride 3",
    segments: [0, 1, 2].map((start) => ({
      queryStart: start,
      keyStart: start,
      queryCount: start < 2 ? 7 : 6,
      stride: 3,
    })),
    ...{ heads: 2, kvHeads: 2, headDim: 8, alibi: true },
  },
  {
    name: "prompt and strided group",
    segments: [
      { queryCount: 10 },
      ...[0, 1, 2, 3].map((g) => ({ queryStart: 10 + g, keyStart: 10 + g, queryCount: 5, parent: 0, stride: 4 })),
    ],
    ...{ heads: 2, kvHeads: 2, headDim: 16, alibi: true },
  },
  { name: "sharp", segments: packed([40]), heads: 2, kvHeads: 2, headDim: 16, sharpness: 12 },
  { name: "long", segments: packed([300], [70, 0]), heads: 2, kvHeads: 1, headDim: 64, alibi: true },
  { name: "wide heads", segments: packed([35]), heads: 1, kvHeads: 1, headDim: 128 },
];

/** Steps of generation: keys lie in a cache, queries are the newest tokens. */
const decoding: Shape[] = [
  {
    name: "decode one token each",
    segments: [0, 5, 12, 40].map((keysBefore, s) => ({ queryStart: s, queryCount: 1, keyStart: s * 50, keysBefore })),
    ...{ heads: 4, kvHeads: 4, headDim: 16, alibi: true },
  },
  {
    name: "decode a group on a cached prompt",
    segments: [
      { queryCount: 0, keyStart: 0, keysBefore: 23 },
      ...[0, 1, 2, 3, 4].map((g) => ({
        queryStart: g,
        queryCount: 1,
        keyStart: 23 + g,
        keysBefore: 8,
        parent: 0,
        stride: 5,
      })),
    ],
    ...{ heads: 4, kvHeads: 2, headDim: 32, alibi: true },
  },
  {
    name: "decode a group on a cached prompt, no positions",
    segments: [
      { queryCount: 0, keyStart: 4, keysBefore: 130 },
      ...[0, 1, 2].map((g) => ({
        queryStart: g,
        queryCount: 1,
        keyStart: 140 + g,
        keysBefore: g,
        parent: 0,
        stride: 3,
      })),
    ],
    ...{ heads: 3, kvHeads: 1, headDim: 20 },
  },
  {
    name: "continue a prompt by chunks",
    segments: [
      { queryStart: 0, queryCount: 19, keyStart: 3, keysBefore: 14 },
      { queryStart: 19, queryCount: 3, keyStart: 60, keysBefore: 0 },
    ],
    ...{ heads: 2, kvHeads: 2, headDim: 16, alibi: true },
  },
];

export function attentionCases(): ConformanceCase[] {
  const gap = { name: "rows in no segment", segments: [{ queryStart: 3, keyStart: 3, queryCount: 6 }] };
  return [
    ...sequences.flatMap((shape) => casesOf(shape, ["forward", "backward"])),
    ...decoding.flatMap((shape) => casesOf(shape, ["forward"])),
    ...casesOf({ ...gap, heads: 2, kvHeads: 2, headDim: 8 }, ["backward"]),
  ];
}

function casesOf(shape: Shape, directions: ("forward" | "backward")[]): ConformanceCase[] {
  const given = forwardArguments(shape);
  // Rows in no segment keep zeros, which the backward must overwrite all the same.
  const kept = afterReference("attention", { ...given, out: zeros(given.out), lse: zeros(given.lse) });
  const tolerance = toleranceOf(kept.lse);
  return directions.map((direction) =>
    direction === "forward"
      ? defineCase("attention", shape.name, given, { tolerance })
      : defineCase("attentionBackward", shape.name, backwardArguments(shape, kept), { tolerance }),
  );
}

/** A score that is off by an ulp of itself moves its exponential by as much; the largest scores are about the largest lse. */
function toleranceOf(lse: CaseBuffer): Tolerance {
  const largest = Math.max(...lse.data.map(Math.abs));
  return {
    relative: EPSILON_F32 * (64 + 4 * largest),
    because: `scores up to ${largest.toFixed(0)} move exponentials by as many f32 epsilon; sums over width and keys`,
  };
}

function forwardArguments(shape: Shape): CaseArguments<"attention"> {
  const { name, heads, kvHeads, headDim, sharpness = 1 } = shape;
  const { segments, count, queryRows, keyRows, maxKeys } = segmentTable(shape.segments);
  const draw = new Draw("attention", name);
  return {
    q: draw.normals(queryRows * heads * headDim),
    k: draw.normals(keyRows * kvHeads * headDim),
    v: draw.normals(keyRows * kvHeads * headDim),
    segments,
    slopes: shape.alibi ? alibiSlopes(heads) : null,
    out: output(queryRows * heads * headDim),
    lse: output(queryRows * heads),
    ...{ count, heads, kvHeads, headDim, scale: sharpness / Math.sqrt(headDim), maxKeys },
  };
}

function backwardArguments(shape: Shape, kept: CaseArguments<"attention">): CaseArguments<"attentionBackward"> {
  return {
    ...kept,
    dOut: new Draw("attentionBackward", shape.name).normals(kept.out.data.length),
    dQ: output(kept.q.data.length),
    dK: output(kept.k.data.length),
    dV: output(kept.v.data.length),
    rows: kept.lse.data.length / shape.heads,
  };
}

/** 2^(−8(h+1)/heads). @see arXiv:2108.12409 */
function alibiSlopes(heads: number): CaseBuffer {
  return floats(Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)));
}

function zeros({ data }: CaseBuffer): CaseBuffer {
  return floats(new Float64Array(data.length));
}
