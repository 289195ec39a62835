import { type ConformanceCase, Draw, defineCase, integers, output } from "../case.ts";
import { exact, roundings, sumOf } from "../tolerance.ts";

const shapes = [
  { rows: 0, width: 3, table: 2 },
  { rows: 1, width: 1, table: 1 },
  { rows: 1, width: 33, table: 4 },
  { rows: 19, width: 40, table: 30 },
  { rows: 23, width: 17, table: 9 },
  { rows: 301, width: 48, table: 57 },
];

/** Rows moved by index: repeated, missing and unordered. */
export function rowsCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, width, table: tableRows }) => {
    const name = `${rows} rows of ${width} from ${tableRows}`;
    const draw = new Draw("embed", name);
    const table = draw.normals(tableRows * width);
    const x = draw.normals(rows * width);
    const index = draw.indices(rows, tableRows);
    const target = draw.normals(tableRows * width);
    const sameEverywhere = integers(new Int32Array(rows).fill(tableRows - 1));
    return [
      defineCase(
        "embed",
        name,
        { table, tokens: index, out: output(rows * width), rows, width, scale: 5.65 },
        { tolerance: roundings(1, "scale, product") },
      ),
      defineCase(
        "embedBackward",
        name,
        { dOut: x, tokens: index, dTable: target, rows, width, scale: 5.65 },
        { tolerance: sumOf(rows) },
      ),
      defineCase(
        "embedBackward",
        `${name}, one token`,
        { dOut: x, tokens: sameEverywhere, dTable: target, rows, width, scale: 1 },
        { tolerance: sumOf(rows) },
      ),
      defineCase("gatherRows", name, { x: table, index, out: output(rows * width), rows, width }, { tolerance: exact }),
      defineCase("scatterAddRows", name, { x, index, out: target, rows, width }, { tolerance: sumOf(rows) }),
      defineCase(
        "scatterAddRows",
        `${name}, one row`,
        { x, index: sameEverywhere, out: target, rows, width },
        { tolerance: sumOf(rows) },
      ),
      ...(rows <= tableRows
        ? [
            defineCase(
              "placeRows",
              name,
              { x, index: draw.distinctIndices(rows, tableRows), out: target, rows, width },
              { tolerance: exact },
            ),
          ]
        : []),
      defineCase("columnSum", name, { x, out: draw.normals(width), rows, width }, { tolerance: sumOf(rows) }),
    ];
  });
}
