import { afterReference, type CaseBuffer, type ConformanceCase, Draw, defineCase, output } from "../case.ts";
import { EPSILON_F32, type Tolerance } from "../tolerance.ts";

/** `mean` in deviations of the row: subtracting it costs that many times more of f32. */
const shapes = [
  { rows: 0, width: 8, mean: 0 },
  { rows: 1, width: 1, mean: 0.5 },
  { rows: 1, width: 16, mean: 0 },
  { rows: 5, width: 33, mean: 0 },
  { rows: 40, width: 100, mean: 0 },
  { rows: 9, width: 515, mean: 20 },
  { rows: 300, width: 24, mean: -2 },
];

/** Sums over a row and over the batch, and the cancellation of the mean. */
const toleranceFor = (width: number, rows: number, mean: number): Tolerance => ({
  relative: 1.5 * EPSILON_F32 * (2 + Math.sqrt(width) + Math.sqrt(rows) + Math.abs(mean)),
  because: `f32 epsilon × (√${width} in the row + √${rows} in the batch + a mean of ${mean} deviations)`,
});

export function normCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, width, mean }) => {
    const name = `${rows} rows of ${width}, mean ${mean}`;
    const draw = new Draw("layerNorm", name);
    const x = draw.normals(rows * width, { mean });
    const gain = draw.normals(width, { mean: 1, deviation: 0.3 });
    const bias = draw.normals(width);
    const dY = draw.normals(rows * width);
    const dX = draw.normals(rows * width);
    const dGain = draw.normals(width);
    const dBias = draw.normals(width);
    const shape = { rows, width };
    const eps = 1e-5;
    const forwardTolerance = { tolerance: toleranceFor(width, 1, mean) };
    const backwardTolerance = { tolerance: toleranceFor(width, rows, mean) };

    const layer = { x, gain, ...shape, eps, y: output(rows * width), mean: output(rows), rstd: output(rows) };
    const kept = afterReference("layerNorm", { ...layer, bias: null });
    const layerBackward = (given: { dGain: CaseBuffer | null; dBias: CaseBuffer | null }) => ({
      ...{ dY, x, gain, mean: kept.mean, rstd: kept.rstd, dX },
      ...given,
      ...shape,
    });
    const root = { x, gain, ...shape, eps, y: output(rows * width), rstd: output(rows) };
    const { rstd } = afterReference("rmsNorm", root);
    const rootBackward = { dY, x, gain, rstd, dX, ...shape };
    return [
      defineCase("layerNorm", name, { ...layer, bias }, forwardTolerance),
      defineCase("layerNorm", `${name}, no bias`, { ...layer, bias: null }, forwardTolerance),
      defineCase("layerNormBackward", name, layerBackward({ dGain, dBias }), backwardTolerance),
      defineCase("layerNormBackward", `${name}, no bias`, layerBackward({ dGain, dBias: null }), backwardTolerance),
      defineCase(
        "layerNormBackward",
        `${name}, frozen`,
        layerBackward({ dGain: null, dBias: null }),
        backwardTolerance,
      ),
      defineCase("rmsNorm", name, root, forwardTolerance),
      defineCase("rmsNormBackward", name, { ...rootBackward, dGain }, backwardTolerance),
      defineCase("rmsNormBackward", `${name}, frozen`, { ...rootBackward, dGain: null }, backwardTolerance),
    ];
  });
}
