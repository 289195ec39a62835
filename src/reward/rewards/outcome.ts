import { z } from "zod";
import { ofEach, rewardKind } from "../reward-kind.ts";

/** Words and marks by which a completion says that its final answer follows. */
const MARKERS = ["Final Answer", "####", "\\boxed"];

/** Whether a completion announces its final answer: `Final Answer`, `####` or `\boxed`, as they are written here. */
export const announcesAnswer = (text: string): boolean => MARKERS.some((marker) => text.includes(marker));

/**
 * `outcome`: 1 · `correct` + 0.05 · `marker` − 0.05 · `excess`. `marker` is 1 where the completion announces its final
 * answer; `excess` is 1 where it has more than `limit` tokens. The system this is from counted characters, those of the
 * prompt included: a long question cost every attempt at it the same.
 */
export const outcome = rewardKind({
  tasks: "any",
  options: z.strictObject({
    limit: z
      .number()
      .int()
      .min(1)
      .max(1e6)
      .optional()
      .describe("completion tokens that are not excessive; left out: three quarters of task.maxNewTokens"),
  }),
  make({ limit }, { maxNewTokens }) {
    const most = limit ?? Math.floor(0.75 * maxNewTokens);
    return {
      weights: { correct: 1, marker: 0.05, excess: -0.05 },
      score: ofEach(({ text, tokens }) => ({
        marker: announcesAnswer(text) ? 1 : 0,
        excess: tokens.length > most ? 1 : 0,
      })),
    };
  },
});
