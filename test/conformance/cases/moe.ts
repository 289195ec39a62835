import { afterReference, type ConformanceCase, Draw, defineCase, floats, integerOutput, output } from "../case.ts";
import { EPSILON_F32, exact, roundings, type Tolerance } from "../tolerance.ts";

/** `used`: experts that any row may choose; the others stay empty. `tied`: logits take few values, so many are equal. */
const shapes = [
  { rows: 1, width: 5, experts: 1, active: 1, used: 1 },
  { rows: 1, width: 16, experts: 4, active: 2, used: 4 },
  { rows: 13, width: 17, experts: 4, active: 4, used: 4 },
  { rows: 50, width: 32, experts: 8, active: 2, used: 8, tied: true },
  { rows: 37, width: 24, experts: 16, active: 3, used: 5 },
  { rows: 333, width: 33, experts: 5, active: 1, used: 5 },
];

/** A logit of experts that no row may choose: below all others, and its probability is 0 in f32. */
const NEVER = -200;

const softmaxOfChosen = { mode: 0, jitter: 0 };

export function moeCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, width, experts, active, used, tied = false }) => {
    const name = `${rows} rows of ${width}, ${active} of ${experts} experts${tied ? ", tied" : ""}`;
    const draw = new Draw("moeRoute", name);
    const logits = floats(
      Array.from({ length: rows * experts }, (_, i) => {
        if (i % experts >= used) return NEVER;
        return tied ? draw.rng.integer(-2, 2) : 2 * draw.rng.normal();
      }),
    );
    const slots = rows * active;
    const routing = {
      logits,
      expertIds: integerOutput(slots),
      weights: output(slots),
      offsets: integerOutput(experts + 1),
      order: integerOutput(slots),
      inverse: integerOutput(slots),
      ...{ rows, experts, active, ...softmaxOfChosen },
    };
    const { weights, expertIds, order, inverse } = afterReference("moeRoute", routing);
    const x = draw.normals(rows * width);
    const sorted = draw.normals(slots * width);
    const dY = draw.normals(rows * width);
    const dWeights = draw.normals(slots);
    const softmax = roundings(8, "exponential, sum, quotient");
    const sums: Tolerance = roundings(2 + active, "one product and sum per active expert");
    const dots: Tolerance = {
      relative: 4 * EPSILON_F32 * (1 + Math.sqrt(width)),
      because: `f32 epsilon × √${width} products`,
    };
    const combine = { x: sorted, weights, inverse, rows, width, active };
    return [
      defineCase("moeRoute", name, routing, { tolerance: softmax }),
      defineCase(
        "moeRouteBackward",
        name,
        {
          dWeights,
          logits,
          weights,
          expertIds,
          dLogits: output(rows * experts),
          rows,
          experts,
          active,
          ...softmaxOfChosen,
        },
        { tolerance: sums },
      ),
      defineCase(
        "moeGather",
        name,
        { x, order, out: output(slots * width), rows, width, active },
        { tolerance: exact },
      ),
      defineCase(
        "moeGatherBackward",
        name,
        { dOut: sorted, inverse, dX: draw.normals(rows * width), rows, width, active },
        { tolerance: sums },
      ),
      defineCase("moeCombine", name, { ...combine, residual: null, y: output(rows * width) }, { tolerance: sums }),
      defineCase(
        "moeCombine",
        `${name}, residual`,
        { ...combine, residual: x, y: output(rows * width) },
        { tolerance: sums },
      ),
      defineCase("moeCombine", `${name}, residual is y`, { ...combine, residual: dY, y: dY }, { tolerance: sums }),
      defineCase(
        "moeCombineBackward",
        name,
        { dY, ...combine, dX: output(slots * width), dWeights: output(slots) },
        { tolerance: dots },
      ),
    ];
  });
}
