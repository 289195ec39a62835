import { z } from "zod";
import { answerFormats } from "../../prompt/answer-formats.ts";
import { type JudgeAnswer, ofEachInTime, rewardKind } from "../reward-kind.ts";

/** What `r1ZeroParts` finds. */
export type R1ZeroParts = {
  /** 1 where the format is kept and the answer is right; null where the gold answer cannot be graded. */
  "r1-zero": 0 | 1 | null;
  /** 1 where `</think> <answer>`, with one space, and `</answer>` occur. */
  "r1-zero-format": 0 | 1;
};

/**
 * The reward of Dr. GRPO's R1-Zero runs (arXiv:2503.20783, code): 1 only for a right answer in the right format. The answer
 * is everything after the last `<answer>` without any `</answer>`, the last balanced `\boxed{…}` of it if there is a box at
 * all; with an unbalanced box there is none.
 */
export function r1ZeroParts(text: string, gold: string, judge: JudgeAnswer): R1ZeroParts | Promise<R1ZeroParts> {
  const { matches, extract } = answerFormats["r1-zero"];
  if (!matches(text)) return { "r1-zero": 0, "r1-zero-format": 0 };
  const partsOf = ({ equal }: { equal: boolean | null }): R1ZeroParts => ({
    "r1-zero": equal === null ? null : equal ? 1 : 0,
    "r1-zero-format": 1,
  });
  const answer = extract(text)?.answer ?? null;
  if (answer === null) return partsOf({ equal: false });
  const judged = judge(answer, gold);
  return judged instanceof Promise ? judged.then(partsOf) : partsOf(judged);
}

/** `r1-zero`: 1 · `r1-zero` + 0 · `r1-zero-format`, whatever the task's own format is. */
export const r1Zero = rewardKind({
  tasks: "words",
  options: z.strictObject({}),
  make: (_, { judge }) => ({
    weights: { "r1-zero": 1, "r1-zero-format": 0 },
    score: ofEachInTime(({ text }, { answer }) => r1ZeroParts(text, answer, judge)),
  }),
});
