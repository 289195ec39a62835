import { afterReference, type ConformanceCase, Draw, defineCase, output } from "../case.ts";
import { EPSILON_F32, type Tolerance } from "../tolerance.ts";

/** `spread`: deviation of the logits; at 300 one token has all the probability and most others none. */
const shapes = [
  { rows: 0, vocabulary: 8, spread: 1, inverseTemperature: 1 },
  { rows: 1, vocabulary: 1, spread: 1, inverseTemperature: 1 },
  { rows: 1, vocabulary: 57, spread: 1, inverseTemperature: 1 },
  { rows: 9, vocabulary: 57, spread: 4, inverseTemperature: 1 / 0.7 },
  { rows: 33, vocabulary: 16, spread: 2, inverseTemperature: 0.5 },
  { rows: 5, vocabulary: 4097, spread: 3, inverseTemperature: 1 },
  { rows: 6, vocabulary: 100, spread: 300, inverseTemperature: 1 },
  { rows: 130, vocabulary: 60, spread: 1, inverseTemperature: 1 },
];

export function tokenLogpsCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, vocabulary, spread, inverseTemperature }) => {
    const name = `${rows} rows of ${vocabulary}, spread ${spread}, 1/T ${inverseTemperature.toFixed(2)}`;
    const draw = new Draw("tokenLogps", name);
    const shape = { rows, vocabulary, inverseTemperature };
    const logits = draw.normals(rows * vocabulary, { deviation: spread });
    const targets = draw.indices(rows, vocabulary);
    const largest = Math.max(0, ...logits.data.map(Math.abs)) * inverseTemperature;
    const tolerance: Tolerance = {
      relative: 4 * EPSILON_F32 * (2 + largest + Math.sqrt(vocabulary)),
      because: `a logit of ${largest.toFixed(0)} moves its exponential by as many epsilon; √${vocabulary} terms`,
    };
    const forward = { logits, targets, logps: output(rows), entropies: output(rows), ...shape };
    const { entropies } = afterReference("tokenLogps", forward);
    const dLogps = draw.normals(rows);
    const dEntropies = draw.normals(rows);
    const backward = { logits, targets, entropies, ...shape };
    const none = { dtype: "f32" as const, data: new Float32Array(rows) };
    return [
      defineCase("tokenLogps", name, forward, { tolerance }),
      defineCase("tokenLogpsBackward", name, { ...backward, dLogps, dEntropies }, { tolerance }),
      defineCase("tokenLogpsBackward", `${name}, no entropy`, { ...backward, dLogps, dEntropies: none }, { tolerance }),
    ];
  });
}
