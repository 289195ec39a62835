/** The two rules by which lm-evaluation-harness grades GSM8K (its task `gsm8k`, version 3). */
export type Gsm8kRule = "gsm8k-strict" | "gsm8k-flexible";

const MARK = "#### ";

/** What is taken from a response: the first match of the strict rule, the last one of the flexible rule. */
const PATTERNS: Readonly<Record<Gsm8kRule, RegExp>> = {
  "gsm8k-strict": /#### (-?[0-9.,]+)/g,
  "gsm8k-flexible": /(-?[$0-9.,]{2,})|(-?[0-9]+)/g,
};

/**
 * The answer one of the harness's filters takes from a response, as written there; null where it would say `[invalid]`.
 * `strict-match` is the first number after `#### `, `flexible-extract` the last run of digits, signs, points and commas,
 * be it a number or not: that of `costs 5 ...` is `...`.
 */
export function extractGsm8k(response: string, rule: Gsm8kRule): string | null {
  const matches = [...response.matchAll(PATTERNS[rule])];
  const chosen = rule === "gsm8k-strict" ? matches[0] : matches.at(-1);
  return chosen === undefined ? null : (chosen[1] ?? chosen[2]);
}

/** An answer or a gold answer as the harness compares them: without commas, dollar signs, all up to `#### `, a last point. */
export function normalizeGsm8k(answer: string): string {
  const plain = answer.replace(/[,$]/g, "");
  const mark = plain.lastIndexOf(MARK);
  return (mark < 0 ? plain : plain.slice(mark + MARK.length)).replace(/\.$/, "").toLowerCase();
}

/** Whether a gold answer is a number that a response could be found to give. */
export const isGsm8kGold = (gold: string): boolean => /^-?\d[\d.]*$|^-?\.\d[\d.]*$/.test(normalizeGsm8k(gold));
