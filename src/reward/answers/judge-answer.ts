import { equals } from "../../data/rational.ts";
import { readNumber } from "../number-text.ts";
import { plainLatex } from "./plain-latex.ts";
import { Effort } from "./polynomial.ts";
import { readAnswer } from "./read-answer.ts";
import { leadingChoice } from "./read-words.ts";
import { sameAnswer } from "./same-answer.ts";
import { needsEngine, sameByEngine } from "./symbolic.ts";

/** Whether an answer means the same as the gold one. */
export interface Verdict {
  /** null when the gold answer cannot be graded. */
  equal: boolean | null;
  /** What decided: the texts, the numbers they are, the expressions they are, or the computer-algebra library. */
  tier: "text" | "number" | "latex" | "symbolic";
}

/** Longer answers are compared as texts only; longer gold answers are not graded. */
const MAX_LENGTH = 2000;

/**
 * Judges by the tiers that are quick on any text (some milliseconds; a fifth of a second on the most hostile ones) and can be run without a time limit: equal texts apart
 * from typesetting; numbers, exactly, with their units; and what a grammar of answers reads, by exact arithmetic in a normal
 * form and by values at points.
 * @returns null when only `judgeAnswer`, with the computer-algebra library, can tell
 */
export function judgeCheaply(answer: string, gold: string): Verdict | null {
  if (gold.trim() === "" || gold.length > MAX_LENGTH) return { equal: null, tier: "text" };
  if (answer === gold) return { equal: true, tier: "text" };
  if (answer.length > MAX_LENGTH || answer.trim() === "") return { equal: false, tier: "text" };
  const numbers = judgeNumbers(answer, gold);
  if (numbers !== null) return { equal: numbers, tier: "number" };
  if (isNumberWithLetter(answer, gold)) return { equal: true, tier: "number" };
  const [plainAnswer, plainGold] = [plainLatex(answer), plainLatex(gold)];
  if (plainGold === "") return { equal: null, tier: "text" };
  if (unspaced(plainAnswer) === unspaced(plainGold)) return { equal: true, tier: "text" };
  const expected = readAnswer(plainGold);
  if (expected === null) return needsEngine(plainGold) ? null : { equal: null, tier: "text" };
  if (expected.kind === "choice" && leadingChoice(plainAnswer) === expected.letter)
    return { equal: true, tier: "text" };
  const came = readAnswer(plainAnswer);
  if (came === null) return needsEngine(plainAnswer) ? null : { equal: false, tier: "latex" };
  const same = sameAnswer(came, expected, new Effort());
  return same === null ? null : { equal: same, tier: "latex" };
}

/**
 * Judges by all tiers, the cheap ones first. The last one loads a computer-algebra library (half a second, once) and may run
 * for long on hostile texts: call it where it can be stopped.
 */
export async function judgeAnswer(answer: string, gold: string): Promise<Verdict> {
  const verdict = judgeCheaply(answer, gold);
  return verdict ?? judgeByEngine(answer, gold);
}

/** Judges by computer algebra alone, what `judgeCheaply` left open. */
export async function judgeByEngine(answer: string, gold: string): Promise<Verdict> {
  return { equal: await sameByEngine(plainLatex(answer), plainLatex(gold)), tier: "symbolic" };
}

/** Whether a gold answer can be graded: it is read as something, or it is work for the computer-algebra library. */
export function isGradable(gold: string): boolean {
  if (gold.trim() === "" || gold.length > MAX_LENGTH) return false;
  if (readNumber(gold) !== null) return true;
  const plain = plainLatex(gold);
  return plain !== "" && (readAnswer(plain) !== null || needsEngine(plain));
}

/** `5 m` for 5: a unit of one letter behind a space, which elsewhere is a variable. */
function isNumberWithLetter(answer: string, gold: string): boolean {
  const amount = /^(.*\d) [mghsLNJWV]\.?$/.exec(answer.trim())?.[1];
  return amount !== undefined && judgeNumbers(amount, gold) === true;
}

/** Without the spaces that separate nothing: `1 2` keeps its own. */
function unspaced(plain: string): string {
  return plain.replace(/(?<![a-zA-Z0-9.]) | (?![a-zA-Z0-9.])/g, "");
}

/** Two plain numbers; null when one is none, and for units that change the value (50 % is 1/2, too). */
function judgeNumbers(answer: string, gold: string): boolean | null {
  const expected = readNumber(gold);
  const came = expected === null ? null : readNumber(answer);
  if (expected === null || came === null) return null;
  if (came.unit !== expected.unit && came.unit !== "" && expected.unit !== "") return null;
  const same = equals(came.value, expected.value);
  return same || (!"%°".includes(came.unit || "-") && !"%°".includes(expected.unit || "-")) ? same : null;
}
