import { type ConformanceCase, Draw, defineCase, floats, output } from "../case.ts";
import { roundings } from "../tolerance.ts";

const shapes = [
  { rows: 1, heads: 1, headDim: 2 },
  { rows: 7, heads: 3, headDim: 10 },
  { rows: 33, heads: 2, headDim: 32 },
  { rows: 90, heads: 4, headDim: 64 },
];

const MAX_POSITIONS = 50;
const tolerance = roundings(1.5, "two products and a sum");

/** Positions repeat and come in any order. */
export function rotaryCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, heads, headDim }) => {
    const name = `${rows} rows, ${heads} heads of ${headDim}`;
    const draw = new Draw("rotary", name);
    const x = draw.normals(rows * heads * headDim);
    const angles = Array.from({ length: (MAX_POSITIONS * headDim) / 2 }, (_, i) => {
      const position = Math.floor(i / (headDim / 2));
      return position * 10_000 ** ((-2 * (i % (headDim / 2))) / headDim);
    });
    const shared = {
      x,
      cos: floats(angles.map(Math.cos)),
      sin: floats(angles.map(Math.sin)),
      positions: draw.indices(rows, MAX_POSITIONS),
      ...{ rows, heads, headDim },
    };
    return [
      defineCase("rotary", name, { ...shared, y: output(x.data.length), direction: 1 }, { tolerance }),
      defineCase("rotary", `${name}, back`, { ...shared, y: output(x.data.length), direction: -1 }, { tolerance }),
      defineCase("rotary", `${name}, y is x`, { ...shared, y: x, direction: 1 }, { tolerance }),
    ];
  });
}
