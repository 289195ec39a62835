import {
  blockLength,
  bytesOf,
  encodeWeight,
  type WeightFormat,
  weightFormats,
} from "../../../src/engine/weight-formats.ts";
import { type CaseBuffer, type ConformanceCase, Draw, defineCase, output } from "../case.ts";
import { roundings, sumOf } from "../tolerance.ts";
import { offsetsOf } from "./grouped.ts";

/**
 * Rows, outer axis, and inner axis: as given where a format takes any, else in blocks. Neighbours of panels and tiles, a
 * depth that is cut into blocks, and no rows.
 */
const shapes = [
  { rows: 0, outer: 6, inner: 4, blocks: 1 },
  { rows: 2, outer: 3, inner: 1, blocks: 1 },
  { rows: 1, outer: 57, inner: 96, blocks: 2 },
  { rows: 17, outer: 31, inner: 33, blocks: 1 },
  { rows: 37, outer: 100, inner: 64, blocks: 3 },
  { rows: 130, outer: 33, inner: 67, blocks: 1 },
  { rows: 5, outer: 1037, inner: 131, blocks: 1 },
  { rows: 3, outer: 19, inner: 1100, blocks: 5 },
];

/** How many rows each expert has. */
const groupedShapes = [
  { counts: [0, 0], outer: 4, inner: 5, blocks: 1 },
  { counts: [3, 0, 17, 1], outer: 33, inner: 40, blocks: 1 },
  { counts: [0, 0, 0, 70, 1, 9, 0, 30], outer: 20, inner: 65, blocks: 2 },
];

export function blockCases(): ConformanceCase[] {
  return weightFormats.flatMap((format) => [
    ...shapes.flatMap((shape) => plainCases(format, shape)),
    ...groupedShapes.flatMap((shape) => groupedBlockCases(format, shape)),
  ]);
}

function plainCases(format: WeightFormat, { rows, outer, ...axis }: (typeof shapes)[number]): ConformanceCase[] {
  const inner = innerOf(format, axis);
  const name = `${format}, ${rows}×${inner}×${outer}`;
  const draw = new Draw("linearBlocks", name);
  const blocks = randomWeight(draw, format, [outer, inner]);
  const x = draw.normals(rows * inner);
  const dY = draw.normals(rows * outer);
  const bias = draw.normals(outer);
  const residual = draw.normals(rows * outer);
  const shape = { rows, inner, outer, format: weightFormats.indexOf(format) };
  const product = { tolerance: sumOf(inner), rounded: ["x", ...roundedWeight(format)] };
  const inputGradient = { tolerance: sumOf(outer), rounded: ["dY", ...roundedWeight(format)] };
  return [
    defineCase(
      "linearBlocks",
      name,
      { x, blocks, bias: null, residual: null, y: output(rows * outer), ...shape },
      product,
    ),
    defineCase(
      "linearBlocks",
      `${name}, bias, residual`,
      { x, blocks, bias, residual, y: output(rows * outer), ...shape },
      product,
    ),
    defineCase(
      "linearBlocks",
      `${name}, residual is y`,
      { x, blocks, bias: null, residual, y: residual, ...shape },
      product,
    ),
    defineCase(
      "linearBlocksBackwardInput",
      name,
      { dY, blocks, dX: output(rows * inner), ...shape, accumulate: 0 },
      inputGradient,
    ),
    defineCase(
      "linearBlocksBackwardInput",
      `${name}, accumulated`,
      { dY, blocks, dX: draw.normals(rows * inner), ...shape, accumulate: 1 },
      inputGradient,
    ),
    defineCase(
      "embedBlocks",
      name,
      {
        ...{
          blocks,
          tokens: draw.indices(rows, outer),
          out: output(rows * inner),
          rows,
          width: inner,
          vocabulary: outer,
        },
        ...{ scale: 5.65, format: shape.format },
      },
      { tolerance: roundings(1, "scale, product") },
    ),
  ];
}

function groupedBlockCases(
  format: WeightFormat,
  { counts, outer, ...axis }: (typeof groupedShapes)[number],
): ConformanceCase[] {
  const inner = innerOf(format, axis);
  const name = `${format}, experts with ${counts} rows, ${inner}×${outer}`;
  const draw = new Draw("groupedLinearBlocks", name);
  const experts = counts.length;
  const offsets = offsetsOf(counts);
  const rows = offsets.data[experts];
  const blocks = randomWeight(draw, format, [experts, outer, inner]);
  const x = draw.normals(rows * inner);
  const dY = draw.normals(rows * outer);
  const bias = draw.normals(experts * outer);
  const shape = { rows, inner, outer, experts, format: weightFormats.indexOf(format) };
  const product = { tolerance: sumOf(inner), rounded: ["x", ...roundedWeight(format)] };
  const inputGradient = { tolerance: sumOf(outer), rounded: ["dY", ...roundedWeight(format)] };
  return [
    defineCase(
      "groupedLinearBlocks",
      name,
      { x, blocks, bias: null, offsets, y: output(rows * outer), ...shape },
      product,
    ),
    defineCase(
      "groupedLinearBlocks",
      `${name}, bias`,
      { x, blocks, bias, offsets, y: output(rows * outer), ...shape },
      product,
    ),
    defineCase(
      "groupedLinearBlocksBackwardInput",
      name,
      { dY, blocks, offsets, dX: output(rows * inner), ...shape, accumulate: 0 },
      inputGradient,
    ),
    defineCase(
      "groupedLinearBlocksBackwardInput",
      `${name}, accumulated`,
      { dY, blocks, offsets, dX: draw.normals(rows * inner), ...shape, accumulate: 1 },
      inputGradient,
    ),
  ];
}

const roundedWeight = (format: WeightFormat): string[] => (format === "bf16" ? [] : ["blocks"]);

/** GGUF formats take whole blocks alone. */
const innerOf = (format: WeightFormat, { inner, blocks }: { inner: number; blocks: number }): number =>
  format.startsWith("q") ? blocks * blockLength(format) : inner;

/** Where the half-precision scales of a GGUF block begin, and how long the block is. */
const scales: Partial<Record<WeightFormat, { bytes: number; at: number[] }>> = {
  q8_0: { bytes: 34, at: [0] },
  q4_0: { bytes: 18, at: [0] },
  q4_1: { bytes: 20, at: [0, 2] },
  q4_K: { bytes: 144, at: [0, 2] },
  q5_K: { bytes: 176, at: [0, 2] },
  q6_K: { bytes: 210, at: [208] },
};

/** Random weights: encoded normal numbers, or random GGUF blocks under scales between 2⁻⁶ and 2⁻⁵. */
function randomWeight(draw: Draw, format: WeightFormat, shape: readonly number[]): CaseBuffer {
  const layout = scales[format];
  if (layout === undefined) {
    const values = draw.normals(shape.reduce((product, axis) => product * axis, 1)).data as Float32Array;
    return { dtype: "u8", data: encodeWeight(format as "bf16" | "f16" | "int8" | "nf4", values, shape) };
  }
  const data = Uint8Array.from({ length: bytesOf(format, shape) }, () => draw.rng.integer(0, 255));
  for (let at = 0; at < data.length; at += layout.bytes)
    for (const scale of layout.at) data[at + scale + 1] = 0x24 | (data[at + scale + 1] & 0x83);
  return { dtype: "u8", data };
}
