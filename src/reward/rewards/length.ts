import { z } from "zod";
import { ConfigError } from "../../base/errors.ts";
import { ofEach, rewardKind } from "../reward-kind.ts";

/**
 * DAPO's soft overlong punishment of a completion of n tokens (arXiv:2503.14476, eq. 13): 0 up to L − C, then
 * ((L − C) − n) / C, which falls to −1 at L, and −1 beyond.
 *
 * @param limits max: L, tokens at most; cache: C, the last tokens before L, over which it falls; 0 < C ≤ L
 * @returns from −1 to 0
 */
export function overlongPenalty(tokens: number, { max, cache }: { max: number; cache: number }): number {
  const free = max - cache;
  return tokens <= free ? 0 : Math.max(-1, (free - tokens) / cache);
}

/**
 * `length`: `overlongPenalty` as the part `length`. The paper's L is 20,480 and its C 4,096, a fifth; by default L is the
 * task's longest completion and C a fifth of it, so that −1 is what a completion of exactly that length gets.
 */
export const length = rewardKind({
  tasks: "any",
  options: z.strictObject({
    max: z
      .number()
      .int()
      .min(1)
      .max(1e6)
      .optional()
      .describe("tokens from which on it is −1; left out: task.maxNewTokens"),
    cache: z
      .number()
      .int()
      .min(1)
      .max(1e6)
      .optional()
      .describe("tokens before that over which it falls; left out: a fifth"),
  }),
  make(options, { maxNewTokens }) {
    const { max = maxNewTokens, cache = Math.max(1, Math.round(max / 5)) } = options;
    if (cache > max)
      throw new ConfigError(`rewards: length: expected cache from 1 to max (${max}), got ${cache}; lower it`);
    return {
      weights: { length: 1 },
      score: ofEach(({ tokens }) => ({ length: overlongPenalty(tokens.length, { max, cache }) })),
    };
  },
});
