import { z } from "zod";
import { rewardKind } from "../reward-kind.ts";

/**
 * `arithmetic`: 1 · `correct` + format · `format` + partial · `partial`, of which both weights are 0 unless given. `partial`
 * is the share of true scratchpad steps where the answer is wrong, and 0 where it is right or there are no steps: so a
 * wrong answer earns at most `partial`, and never as much as a right one. Steps are checked for truth alone, not for being
 * of any use, and a model finds that out: `1+1=2` is a true step under every question. Keep it small.
 */
export const arithmetic = rewardKind({
  tasks: "arithmetic",
  options: z.strictObject({
    format: z.number().min(0).max(1).default(0).describe("weight of the expected form"),
    partial: z.number().min(0).max(0.5).default(0).describe("most that true steps earn a wrong answer; 0: none"),
  }),
  make: ({ format, partial }) => ({
    weights: { correct: 1, format, partial },
    score: (_, graded) =>
      graded.map(({ correct, steps }) => ({ partial: correct === null ? null : correct === 1 ? 0 : (steps ?? 0) })),
  }),
});
