import { expect, it } from "vitest";
import { attention } from "./attention.ts";

/** One head of width 1 with q = 0, so that every score is the ALiBi term alone. */
function attend(segments: number[][], values: number[], slope: number, queryRows: number): Float64Array {
  const out = new Float64Array(queryRows);
  attention({
    q: new Float64Array(queryRows),
    k: new Float64Array(values.length),
    v: Float64Array.from(values),
    segments: Int32Array.from(segments.flat()),
    slopes: Float64Array.of(slope),
    out,
    lse: new Float64Array(queryRows),
    ...{ count: segments.length, heads: 1, kvHeads: 1, headDim: 1, scale: 1, maxKeys: 16 },
  });
  return out;
}

it("averages a query's own keys up to itself, and all of its ancestors'", () => {
  // A prompt of two rows and two completions of it, of two rows and one.
  const segments = [
    [0, 2, 0, 0, -1, 1],
    [2, 2, 2, 0, 0, 1],
    [4, 1, 4, 0, 0, 1],
  ];
  expect([...attend(segments, [1, 3, 5, 7, 100], 0, 5)]).toEqual([
    expect.closeTo(1, 12),
    expect.closeTo(2, 12),
    expect.closeTo(3, 12),
    expect.closeTo(4, 12),
    expect.closeTo(104 / 3, 12),
  ]);
});

it("counts ALiBi's distance along the chain, wherever the rows lie", () => {
  // The prompt's two keys are rows 5 and 6 of a cache; the query's own key, the third of the chain, is row 0.
  const segments = [
    [0, 0, 5, 2, -1, 1],
    [0, 1, 0, 0, 0, 1],
  ];
  const slope = Math.log(2);
  // Weights 1/4, 1/2 and 1 for distances 2, 1 and 0.
  const expected = (8 / 4 + 4 / 2 + 1) / (1 / 4 + 1 / 2 + 1);
  expect(attend(segments, [1, 0, 0, 0, 0, 8, 4], slope, 1)[0]).toBeCloseTo(expected, 12);
});

it("refuses a chain longer than maxKeys, rows that do not exist, and a parent after its child", () => {
  expect(() => attend([[0, 3, 0, 0, -1, 1]], [1, 1, 1], 0, 2)).toThrow(
    /query of segment 0 must be one of 2 rows, got row 2/,
  );
  expect(() => attend([[0, 1, 1, 1, -1, 1]], [1, 1], 0, 1)).toThrow(
    /key of segment 0 must be one of 2 rows, got row 2/,
  );
  expect(() => attend([[0, 17, 0, 0, -1, 1]], new Array(17).fill(1), 0, 17)).toThrow(/maxKeys/);
  expect(() =>
    attend(
      [
        [0, 1, 0, 0, 1, 1],
        [1, 1, 1, 0, -1, 1],
      ],
      [1, 1],
      0,
      2,
    ),
  ).toThrow(/precede/);
});
