import { rational } from "../../data/rational.ts";
import type { Answer } from "./answer-shape.ts";

const BASES = "two three four five six seven eight nine ten eleven twelve".split(" ");
const SMALL =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** Words that are mathematics, not text. */
const MATHEMATICS =
  /\b(?:(?:arc)?(?:sin|cos|tan)[a-z]?|sin|cos|tan|cot|sec|csc|log|ln|sqrt|pi|exp|infinity|inf|infty|all real numbers)\b/i;

/** Longer texts are no answer in words. */
const MAX_WORDS_LENGTH = 200;

/** `(C)`, `\text{(C)}`, `\text{C}`, `C`, `C.`; a small letter only between brackets or in `\text`. */
export function readChoice(plain: string): Answer | null {
  const bare = unwrapped(plain).trim();
  const match = /^\(?\s*([A-Za-z])\s*\)?[.:]?$/.exec(bare);
  if (match === null) return null;
  const marked = bare !== plain || bare.startsWith("(");
  const letter = match[1];
  if (bare.startsWith("(") && !bare.includes(")")) return null;
  return marked || /[A-Z]/.test(letter) ? { kind: "choice", letter: letter.toUpperCase() } : null;
}

/** The letter of a choice that begins an answer, as in `(C) 12`, `\text{(C)}\ 12` or `C: 12`; null when none does. */
export function leadingChoice(plain: string): string | null {
  const match = /^(?:\\text\{\s*)?(?:\(([A-Za-z])\)|([A-Z])[):.])(?=[\s\\}]|$)/.exec(plain);
  return (match?.[1] ?? match?.[2])?.toUpperCase() ?? null;
}

/** `52_8`, `52_{\text{eight}}`, `52 (base 8)`: digits with their base. */
export function readNumeral(plain: string): Answer | null {
  const bare = unwrapped(plain);
  const match =
    /^(-?[0-9A-Z.]{1,200})\s*_\s*\{?\s*(\d{1,2}|[a-z]{3,6})\s*\}?$/.exec(bare) ??
    /^(-?[0-9A-Z.]{1,200})\s*\(?\s*(?:in\s*)?base[\s-]*(\d{1,2}|[a-z]{3,6})\s*\)?$/i.exec(bare);
  if (match === null) return null;
  const base = BASES.includes(match[2].toLowerCase()) ? BASES.indexOf(match[2].toLowerCase()) + 2 : Number(match[2]);
  const isNumeral = /\d/.test(match[1]) || base > 10;
  if (!isNumeral || !(base >= 2 && base <= 36)) return null;
  if (base === 10 && /^-?\d{1,200}$/.test(match[1])) {
    return { kind: "value", value: { kind: "number", value: rational(BigInt(match[1])) }, unit: "" };
  }
  const digits = match[1].toUpperCase().replace(/^(-?)0+(?=[0-9A-Z])/, "$1");
  return { kind: "numeral", digits, base };
}

/** `four`, `twenty-one`: numbers below a hundred in words. */
export function readNumberWord(plain: string): Answer | null {
  const word = unwrapped(plain).trim().toLowerCase();
  const [tens, units] = word.split(/[\s-]+/);
  let value = SMALL.indexOf(word);
  if (
    value < 0 &&
    TENS.includes(tens) &&
    (units === undefined || (SMALL.indexOf(units) > 0 && SMALL.indexOf(units) < 10))
  ) {
    value = 20 + 10 * TENS.indexOf(tens) + (units === undefined ? 0 : SMALL.indexOf(units));
  }
  if (value < 0 || word.split(/[\s-]+/).length > 2) return null;
  return { kind: "value", value: { kind: "number", value: rational(BigInt(value)) }, unit: "" };
}

/**
 * Plain words, with or without `\text`. Letters alone are words when they are in `\text`, capitals, or a run of four and more:
 * shorter ones may be products of variables. Digits may stand among words (`October 30`), but not before them: that is a
 * number with a unit.
 */
export function readWords(plain: string): Answer | null {
  if (plain.length > MAX_WORDS_LENGTH) return null;
  const inText = /^\\text\{[^{}]*\}$/.test(plain);
  const bare = unwrapped(plain).trim();
  if (!/^[a-zA-Z][a-zA-Z0-9'’.!? -]*$/.test(bare) || MATHEMATICS.test(bare) || /\b(?:and|or)\b/.test(bare)) return null;
  // `p - q` and `a.b` are arithmetic.
  if (/(?:^|\s)-|-(?:\s|$)|\d-|-\d/.test(bare)) return null;
  const runs = bare.match(/[a-zA-Z]+/g) ?? [];
  const longest = Math.max(...runs.map((run) => run.length));
  const isWords = (inText && longest > 1) || longest > 3 || /^(?:yes|no|odd)$/i.test(bare) || /^[A-Z]{2,}$/.test(bare);
  if (!isWords) return null;
  if (/^(?:no (?:real )?solutions?|empty set)\.?$/i.test(bare)) return { kind: "set", items: [] };
  return { kind: "words", words: normalWords(bare) };
}

/** Words with commas and the like among them, which nothing else can read: no command, no operator, a word of three letters. */
export function readSentence(plain: string): Answer | null {
  const bare = unwrapped(plain).trim();
  const isSentence = /^[a-zA-Z0-9'’",.:;!?() -]+$/.test(bare) && /[a-zA-Z]{3}/.test(bare) && /^[a-zA-Z"(]/.test(bare);
  return isSentence && bare.length <= MAX_WORDS_LENGTH ? { kind: "words", words: normalWords(bare) } : null;
}

/** Lower case, without articles, punctuation and what negates in other words. */
function normalWords(text: string): string {
  return text
    .toLowerCase()
    .replace(/[.!?'’",:;()]/g, " ")
    .replace(/[\s-]+/g, " ")
    .replace(/^(?:the|a|an) /, "")
    .trim()
    .replace(/^dne$/, "does not exist");
}

function unwrapped(plain: string): string {
  return plain.replace(/\\text\{([^{}]*)\}/g, "$1");
}
