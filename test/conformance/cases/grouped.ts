import { type CaseBuffer, type ConformanceCase, Draw, defineCase, integers, output } from "../case.ts";
import { sumOf } from "../tolerance.ts";

/** How many rows each expert has; most tables have an expert with none. */
const shapes = [
  { counts: [0, 0], inner: 5, outer: 4 },
  { counts: [1], inner: 3, outer: 2 },
  { counts: [0, 5, 0], inner: 8, outer: 16 },
  { counts: [3, 0, 17, 1], inner: 33, outer: 20 },
  { counts: [16, 32, 0, 48], inner: 32, outer: 64 },
  { counts: [0, 0, 0, 70, 1, 9, 0, 30], inner: 64, outer: 33 },
  { counts: [2, 120, 3], inner: 130, outer: 48 },
];

export function groupedCases(): ConformanceCase[] {
  return shapes.flatMap(({ counts, inner, outer }) => {
    const name = `experts with ${counts} rows, ${inner}×${outer}`;
    const draw = new Draw("groupedLinear", name);
    const experts = counts.length;
    const offsets = offsetsOf(counts);
    const rows = offsets.data[experts];
    const x = draw.normals(rows * inner);
    const w = draw.normals(experts * outer * inner);
    const dY = draw.normals(rows * outer);
    const bias = draw.normals(experts * outer);
    const shape = { rows, inner, outer, experts };
    const product = { tolerance: sumOf(inner), rounded: ["x", "w"] };
    const inputGradient = { tolerance: sumOf(outer), rounded: ["dY", "w"] };
    return [
      defineCase("groupedLinear", name, { x, w, bias: null, offsets, y: output(rows * outer), ...shape }, product),
      defineCase("groupedLinear", `${name}, bias`, { x, w, bias, offsets, y: output(rows * outer), ...shape }, product),
      defineCase(
        "groupedLinearBackwardInput",
        name,
        { dY, w, offsets, dX: output(rows * inner), ...shape, accumulate: 0 },
        inputGradient,
      ),
      defineCase(
        "groupedLinearBackwardInput",
        `${name}, accumulated`,
        { dY, w, offsets, dX: draw.normals(rows * inner), ...shape, accumulate: 1 },
        inputGradient,
      ),
      defineCase(
        "groupedLinearBackwardWeight",
        name,
        { dY, x, offsets, dW: draw.normals(experts * outer * inner), ...shape },
        { tolerance: sumOf(Math.max(...counts)), rounded: ["dY", "x"] },
      ),
      defineCase(
        "groupedColumnSum",
        name,
        { x: dY, offsets, out: draw.normals(experts * outer), rows, width: outer, experts },
        { tolerance: sumOf(Math.max(...counts)) },
      ),
    ];
  });
}

/** Where each expert's rows begin, and where the last one's end. */
export function offsetsOf(counts: readonly number[]): CaseBuffer {
  const offsets = [0];
  for (const count of counts) offsets.push(offsets[offsets.length - 1] + count);
  return integers(offsets);
}
