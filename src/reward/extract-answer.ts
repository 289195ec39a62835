import { type AnswerFormatName, type ExtractedAnswer, found } from "../prompt/answer-format.ts";
import { lastBoxed } from "../prompt/answer-format-boxed.ts";
import { answerFormats } from "../prompt/answer-formats.ts";
import { lastNumber, readNumber } from "./number-text.ts";

/** An answer and what found it; `none` where there is no answer. */
export interface Extraction {
  answer: string | null;
  /** E.g. `answer-tag`, `boxed`, `hash`, `answer-is`, `last-number`. */
  rule: string;
}

/** Where an answer is looked for: where one format marks it, or wherever a response may say it. */
export type AnswerSource = AnswerFormatName | "any";

type Rule = (response: string) => ExtractedAnswer | null;

/** By what a response may say that something is its answer, the surest first. */
const MARKS: readonly Rule[] = [
  (response) => withinBox(answerFormats["think-answer"].extract(response)),
  (response) => withinBox(answerFormats["working-out"].extract(response)),
  answerFormats.boxed.extract,
  answerFormats.hash.extract,
  announcedAnswer,
];

/** What may be meant by a response that marks no answer. */
const GUESSES: readonly Rule[] = [
  wholeResponse,
  lastFormula,
  (response) => found(lastNumber(response) ?? "", "last-number"),
];

/**
 * The answer that a response gives, and the rule that found it. In a format: where that format marks it, and nowhere else.
 * In `any`, the first there is of: `answer-tag`, the last `<answer>…</answer>`; `solution-tag`, the last `<SOLUTION>`
 * (`…-boxed`: the last box in one of these); `boxed`, the last `\boxed{…}` with balanced braces; `hash`, the line after the
 * last `####`; `answer-is`, after the last "the answer is" or "Answer:"; and where nothing is marked, `whole`, a response
 * that is nothing but a formula or a word; `last-formula`, a last `$…$` that no number follows; `last-number`.
 */
export function extractAnswer(response: string, source: AnswerSource): Extraction {
  const none = { answer: null, rule: "none" };
  if (source !== "any") return answerFormats[source].extract(response) ?? none;
  for (const rule of [...MARKS, ...GUESSES]) {
    const extracted = rule(response);
    if (extracted !== null) return extracted;
  }
  return none;
}

/** Whether a rule of `extractAnswer` is a mark, by which a response says that something is its answer. */
export const isMark = (rule: string): boolean => !["whole", "last-formula", "last-number", "none"].includes(rule);

/** The last box in an answer between tags, as these are often filled with a sentence. */
function withinBox(tagged: ExtractedAnswer | null): ExtractedAnswer | null {
  if (tagged === null) return null;
  return found(lastBoxed(tagged.answer) ?? "", `${tagged.rule}-boxed`) ?? tagged;
}

/** "The answer is", "Answer:", "**Final Answer:**", "the answer to the question is therefore". */
const ANNOUNCED = new RegExp(
  String.raw`\banswer(?: (?:to|for) (?:the|this) (?:question|problem|exercise))?\*{0,2}\s{0,3}` +
    String.raw`(?:(?:is|are|equals|will be|would be)\b(?: (?:therefore|thus|then|simply|just|indeed))?\s{0,3}:?|[:=])\*{0,2}\s{0,9}`,
  "gi",
);

/** A formula between delimiters, on one line or displayed. A dollar before a space, or after one, is an amount's. */
const FORMULA = String.raw`\$\$([^$]+)\$\$|\$(?![\s$])([^$\n]*[^$\s])\$(?!\d)|\\\(((?:(?!\\\().)+?)\\\)|\\\[((?:(?!\\\[)[\s\S])+?)\\\]`;

/** Where the answer in a sentence ends: with the sentence, or where it goes on to explain. */
const SENTENCE_END = /[.!?](?=\s|$)|[;\n]|,? (?:because|since|which|where)\b/;

/** What follows the last announcement of an answer: a formula, or up to the end of the sentence. */
function announcedAnswer(response: string): ExtractedAnswer | null {
  const last = [...response.matchAll(ANNOUNCED)].at(-1);
  if (last === undefined) return null;
  const said = response.slice(last.index + last[0].length);
  const formula = new RegExp(`^(?:${FORMULA})`).exec(said);
  if (formula !== null) return found(contentOf(formula), "answer-is");
  const [sentence] = said.split(SENTENCE_END, 1);
  const plain = sentence.replace(/^\*\*(.+?)\*\*/, "$1").replace(/\*+$/, "");
  return found(plain.trim().replace(/[,:]$/, ""), "answer-is");
}

/** A response of one line that is nothing but a formula, an equation for a letter, or a word. */
function wholeResponse(response: string): ExtractedAnswer | null {
  const line = response.trim();
  if (line.includes("\n") || line.length > 500 || readNumber(line) !== null) return null;
  const formula = new RegExp(`^(?:${FORMULA})\\.?$`).exec(line);
  if (formula !== null) return found(contentOf(formula), "whole");
  const isWord = /^[a-z]+\.?$/i.test(line);
  const isProse = /<\/?[a-z]+>|(?:^|\s)[a-z]{2,}(?=[\s.,:]|$)/i.test(line.replace(/\\text\{[^{}]*\}/g, ""));
  const isSum = line.includes("=") && !/^[a-z](?:\([a-z]\))?\s*=/i.test(line);
  return isWord || !(isProse || isSum) ? found(line, "whole") : null;
}

/** The last formula, where no number comes after it. */
function lastFormula(response: string): ExtractedAnswer | null {
  const last = [...response.matchAll(new RegExp(FORMULA, "g"))].at(-1);
  if (last === undefined || /\d/.test(response.slice(last.index + last[0].length))) return null;
  const content = contentOf(last);
  return found(content, readNumber(content) === null ? "last-formula" : "last-number");
}

const contentOf = (formula: RegExpExecArray | RegExpMatchArray): string =>
  formula.slice(1).find((content) => content !== undefined) ?? "";
