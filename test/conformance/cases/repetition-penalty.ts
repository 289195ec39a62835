import { type ConformanceCase, Draw, defineCase } from "../case.ts";
import { roundings } from "../tolerance.ts";
import { offsetsOf } from "./grouped.ts";

const shapes = [
  { vocabulary: 1, counts: [3] },
  { vocabulary: 70, counts: [0, 1, 200, 0, 7] },
  { vocabulary: 1030, counts: Array.from({ length: 33 }, (_, r) => (r * 37) % 101) },
];

/** Rows with no token, with each token once, and with the same ones many times over. */
export function repetitionPenaltyCases(): ConformanceCase[] {
  return shapes.flatMap(({ vocabulary, counts }) =>
    [1.3, 0.8].map((penalty) => {
      const rows = counts.length;
      const name = `${rows} rows of ${vocabulary}, penalty ${penalty}`;
      const draw = new Draw("repetitionPenalty", name);
      const offsets = offsetsOf(counts);
      const tokens = draw.indices(offsets.data[rows], vocabulary);
      const logits = draw.normals(rows * vocabulary);
      const args = { logits, tokens, offsets, rows, vocabulary, penalty };
      return defineCase("repetitionPenalty", name, args, { tolerance: roundings(1, "penalty, product or quotient") });
    }),
  );
}
