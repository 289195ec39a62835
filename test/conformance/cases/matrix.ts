import { type ConformanceCase, Draw, defineCase, output } from "../case.ts";
import { sumOf } from "../tolerance.ts";

/** No rows, single rows and columns, tile multiples and their neighbours, and axes longer than any block. */
const shapes = [
  { rows: 0, inner: 4, outer: 6 },
  { rows: 1, inner: 1, outer: 1 },
  { rows: 1, inner: 96, outer: 57 },
  { rows: 2, inner: 16, outer: 1040 },
  { rows: 3, inner: 5, outer: 7 },
  { rows: 16, inner: 32, outer: 16 },
  { rows: 17, inner: 33, outer: 31 },
  { rows: 32, inner: 64, outer: 256 },
  { rows: 37, inner: 100, outer: 1 },
  { rows: 65, inner: 64, outer: 130 },
  { rows: 5, inner: 1537, outer: 19 },
  { rows: 401, inner: 24, outer: 40 },
];

export function matrixCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, inner, outer }) => {
    const name = `${rows}×${inner}×${outer}`;
    const draw = new Draw("linear", name);
    const x = draw.normals(rows * inner);
    const w = draw.normals(outer * inner);
    const dY = draw.normals(rows * outer);
    const bias = draw.normals(outer);
    const residual = draw.normals(rows * outer);
    const dX = draw.normals(rows * inner);
    const shape = { rows, inner, outer };
    const product = { tolerance: sumOf(inner), rounded: ["x", "w"] };
    const inputGradient = { tolerance: sumOf(outer), rounded: ["dY", "w"] };
    return [
      defineCase("linear", name, { x, w, bias: null, residual: null, y: output(rows * outer), ...shape }, product),
      defineCase("linear", `${name}, bias`, { x, w, bias, residual: null, y: output(rows * outer), ...shape }, product),
      defineCase(
        "linear",
        `${name}, bias, residual`,
        { x, w, bias, residual, y: output(rows * outer), ...shape },
        product,
      ),
      defineCase("linear", `${name}, residual is y`, { x, w, bias: null, residual, y: residual, ...shape }, product),
      defineCase(
        "linearBackwardInput",
        name,
        { dY, w, dX: output(rows * inner), ...shape, accumulate: 0 },
        inputGradient,
      ),
      defineCase("linearBackwardInput", `${name}, accumulated`, { dY, w, dX, ...shape, accumulate: 1 }, inputGradient),
      defineCase(
        "linearBackwardWeight",
        name,
        { dY, x, dW: draw.normals(outer * inner), ...shape },
        { tolerance: sumOf(rows), rounded: ["dY", "x"] },
      ),
    ];
  });
}
