import { afterReference, type ConformanceCase, Draw, defineCase, floats, integerOutput, output } from "../case.ts";
import { EPSILON_F32, roundings, type Tolerance } from "../tolerance.ts";

const shapes = [
  { rows: 1, experts: 2, active: 2 },
  { rows: 37, experts: 16, active: 2 },
  { rows: 530, experts: 21, active: 4 },
];

const weighings = [
  ["softmax of all", { mode: 1, jitter: 0 }],
  ["sparsemixer", { mode: 2, jitter: 0.2 }],
  ["sparsemixer without jitter", { mode: 2, jitter: 0 }],
] as const;

/** Routers whose weights are not the softmax of the chosen logits; those are in moe.ts. */
export function moeRouteCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, experts, active }) =>
    weighings.flatMap(([weighing, numbers]) => {
      const name = `${weighing}, ${rows} rows, ${active} of ${experts} experts`;
      const draw = new Draw("moeRoute", name);
      // A few rows of equal logits: no distance, and with zeros no scale to measure it by.
      const logits = floats(
        Array.from({ length: rows * experts }, (_, i) => {
          const t = Math.floor(i / experts);
          return t % 9 === 8 ? (t % 2) - 0.5 * (t % 4 === 0 ? 0 : 1) : 2 * draw.rng.normal();
        }),
      );
      const slots = rows * active;
      const shape = { rows, experts, active, ...numbers };
      const routing = {
        logits,
        expertIds: integerOutput(slots),
        weights: output(slots),
        offsets: integerOutput(experts + 1),
        order: integerOutput(slots),
        inverse: integerOutput(slots),
        ...shape,
      };
      const { weights, expertIds } = afterReference("moeRoute", routing);
      const dWeights = draw.normals(slots);
      const gradients: Tolerance = {
        relative: EPSILON_F32 * (8 + 4 * active),
        because: "exponential, quotient, and one difference of products per choice",
      };
      return [
        defineCase("moeRoute", name, routing, { tolerance: roundings(8, "exponential, sum, quotient") }),
        defineCase(
          "moeRouteBackward",
          name,
          { dWeights, logits, weights, expertIds, dLogits: output(rows * experts), ...shape },
          { tolerance: gradients },
        ),
      ];
    }),
  );
}
