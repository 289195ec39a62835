import { equals } from "../data/rational.ts";
import { readNumber } from "./number-text.ts";

/** Whether an answer means the same as the gold one; null when the gold answer cannot be graded. */
export interface Verdict {
  equal: boolean | null;
  /** What decided: the texts, or the numbers they are. */
  tier: "text" | "number";
}

/** Longer gold answers are not graded. */
const MAX_GOLD_LENGTH = 2000;

/**
 * Compares an answer with the gold answer: as exact fractions where both are numbers (`5.0` is 5, `1/2` is 0.5, `1,080` is
 * 1080), as texts otherwise, apart from spaces and a last full stop. Units are compared only where both sides have one.
 */
export function compareAnswers(answer: string, gold: string): Verdict {
  const goldText = plainText(gold);
  if (goldText === "" || goldText.length > MAX_GOLD_LENGTH) return { equal: null, tier: "text" };
  if (plainText(answer) === goldText) return { equal: true, tier: "text" };
  const expected = readNumber(gold);
  const came = expected === null ? null : readNumber(answer);
  if (expected === null || came === null) return { equal: false, tier: "text" };
  const sameUnit = came.unit === "" || expected.unit === "" || came.unit === expected.unit;
  return { equal: sameUnit && equals(came.value, expected.value), tier: "number" };
}

function plainText(text: string): string {
  return text
    .trim()
    .replace(/\s+/g, " ")
    .replace(/\s?\.$/, "");
}
