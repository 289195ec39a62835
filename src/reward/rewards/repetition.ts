import { z } from "zod";
import { ofEach, rewardKind } from "../reward-kind.ts";

/** Words, numbers, and every other sign by itself. */
const PIECES = /\p{L}+|\p{N}+|[^\s\p{L}\p{N}]/gu;

/**
 * Minus the share of a text's n-grams that stood in it before: distinct / all − 1. Pieces are words, numbers and single
 * signs, letter case apart; a text of fewer than n pieces repeats nothing.
 *
 * @returns from −1 (nearly all is repeated) to 0
 * @see arXiv:2502.03373, appendix, whose penalty is spread over tokens; here it is one number for the attempt, over words
 */
export function repetitionPenalty(text: string, n: number): number {
  const pieces = text.toLowerCase().match(PIECES) ?? [];
  const total = pieces.length - n + 1;
  if (total < 1) return 0;
  const distinct = new Set<string>();
  for (let i = 0; i < total; i++) distinct.add(pieces.slice(i, i + n).join(" "));
  return distinct.size / total - 1;
}

/** `repetition`: `repetitionPenalty` as the part `repetition`. */
export const repetition = rewardKind({
  tasks: "any",
  options: z.strictObject({
    n: z.number().int().min(1).max(64).default(4).describe("pieces of an n-gram"),
  }),
  make: ({ n }) => ({
    weights: { repetition: 1 },
    score: ofEach(({ text }) => ({ repetition: repetitionPenalty(text, n) })),
  }),
});
