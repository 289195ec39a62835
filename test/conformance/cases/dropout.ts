import { type ConformanceCase, Draw, defineCase, output } from "../case.ts";
import { roundings } from "../tolerance.ts";

const shapes = [
  { rows: 0, width: 5, rate: 0.5, seed: 1, firstRow: 0 },
  { rows: 1, width: 1, rate: 0, seed: 0, firstRow: 0 },
  { rows: 7, width: 33, rate: 0.1, seed: 2 ** 32 - 1, firstRow: 3 },
  { rows: 40, width: 576, rate: 1 / 3, seed: 12345, firstRow: 100_000 },
  { rows: 3, width: 17, rate: 0.999, seed: 9, firstRow: 1 },
];

/** What is kept follows from seed, row and column; the same on every device. */
export function dropoutCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, width, ...numbers }) => {
    const name = `${rows} rows of ${width} at ${numbers.rate.toFixed(3)}`;
    const x = new Draw("dropout", name).normals(rows * width);
    const tolerance = roundings(2, "factor, product");
    return [
      defineCase("dropout", name, { x, out: output(rows * width), rows, width, ...numbers }, { tolerance }),
      defineCase("dropout", `${name}, in place`, { x, out: x, rows, width, ...numbers }, { tolerance }),
    ];
  });
}
