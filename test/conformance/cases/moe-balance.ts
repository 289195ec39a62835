import { type ConformanceCase, Draw, defineCase, floats, output } from "../case.ts";
import { EPSILON_F32, type Tolerance } from "../tolerance.ts";
import { offsetsOf } from "./grouped.ts";

/** `counts`: slots per expert; they sum to rows · active. */
const shapes = [
  { rows: 1, active: 1, counts: [1] },
  { rows: 1, active: 2, counts: [0, 1, 1] },
  { rows: 23, active: 2, counts: [10, 0, 6, 30] },
  { rows: 257, active: 1, counts: [50, 7, 0, 100, 0, 60, 39, 1] },
  { rows: 64, active: 4, counts: Array.from({ length: 33 }, (_, e) => (e < 32 ? 8 : 0)) },
];

export function moeBalanceCases(): ConformanceCase[] {
  return shapes.flatMap(({ rows, active, counts }) => {
    const experts = counts.length;
    const name = `${rows} rows, ${active} of ${experts} experts`;
    const draw = new Draw("moeBalance", name);
    const logits = draw.normals(rows * experts, { deviation: 2 });
    const tolerance: Tolerance = {
      relative: EPSILON_F32 * (4 + Math.sqrt(rows) + Math.sqrt(experts)),
      because: `f32 epsilon × (softmax over ${experts} + √${rows} rows)`,
    };
    return [
      defineCase(
        "moeBalance",
        name,
        {
          logits,
          offsets: offsetsOf(counts),
          probabilities: output(experts),
          fractions: output(experts),
          ...{ rows, experts, active },
        },
        { tolerance },
      ),
      defineCase(
        "moeBalanceBackward",
        name,
        {
          logits,
          fractions: floats(counts.map((count) => count / (rows * active))),
          dLogits: draw.normals(rows * experts),
          ...{ rows, experts, scale: 0.02 },
        },
        { tolerance },
      ),
    ];
  });
}
