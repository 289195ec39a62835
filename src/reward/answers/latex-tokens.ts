import { type Rational, rational } from "../../data/rational.ts";

/** A piece of an answer's LaTeX, or of plain text in its place. */
export interface Token {
  /** `word`: of a `\text{…}` or of plain text; `command`: a name without its backslash; `sign`: any other character. */
  readonly kind: "number" | "letter" | "command" | "word" | "sign";
  readonly text: string;
  /** Of a number. */
  readonly value?: Rational;
  /** Whether a space stands before it. */
  readonly spaced: boolean;
}

/** More tokens than this are no answer. */
const MAX_TOKENS = 1500;

/** Digits that fit a number; more are no answer. */
const MAX_DIGITS = 400;

const FUNCTIONS =
  "arcsin arccos arctan arccot sinh cosh tanh sin cos tan cot sec csc log ln exp sqrt max min gcd lcm pi infty theta alpha beta".split(
    " ",
  );
const PLAIN: Readonly<Record<string, string>> = {
  ...Object.fromEntries(FUNCTIONS.map((name) => [name, name])),
  infinity: "infty",
  inf: "infty",
  asin: "arcsin",
  acos: "arccos",
  atan: "arctan",
  deg: "degree",
  union: "cup",
  le: "le",
  ge: "ge",
};
/** Functions that may stand right before their argument without a space: `sinx`. */
const GLUED = /^(arcsin|arccos|arctan|sqrt|sin|cos|tan|ln|log|pi)([a-zA-Z])$/;

/** Units of one to three letters in plain text; longer words are always words. */
const SHORT_WORDS = new Set(
  "and or to in ft yd mi mm cm km kg mg ml lb lbs oz mph kph hr hrs min sec am pm sq cu per the of are no yes".split(
    " ",
  ),
);

const NUMBER = /(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|[1-9]\d{0,2}(?: \d{3})+(?![\d/,])|\d+)(?:\.\d+)?|\.\d+/y;
const PLAIN_NUMBER = /\d+(?:\.\d+)?|\.\d+/y;
const REPEATING = /(\d*)\.(\d*)\\overline\s*\{(\d{1,40})\}/y;
const EXPONENT = /[eE]([+-]?\d{1,3})(?![\d.]*[a-zA-Z(])/y;
const LETTERS = /[a-zA-Z]+/y;
const OPERATORS = ["<=", ">=", "!=", "**", "->", "||"];
const OPERATOR_NAMES: Readonly<Record<string, string>> = {
  "<=": "le",
  ">=": "ge",
  "!=": "ne",
  "**": "^",
  "||": "Vert",
};

/**
 * Splits an answer (after `plainLatex`) into tokens. Commas between groups of three digits belong to the number outside of
 * brackets only: `(1,200)` has two parts.
 * @returns null for more text than an answer has
 */
export function latexTokens(text: string): Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  let depth = 0;
  let spaced = false;
  const push = (kind: Token["kind"], part: string, value?: Rational) => {
    tokens.push({ kind, text: part, value, spaced });
    spaced = false;
  };
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found;
  };
  while (at < text.length) {
    if (tokens.length > MAX_TOKENS) return null;
    const char = text[at];
    if (/\s/.test(char)) {
      spaced = true;
      at++;
    } else if (/[\d.]/.test(char)) {
      const repeating = match(REPEATING);
      if (repeating !== null) {
        push("number", repeating[0], repeatingDecimal(repeating[1], repeating[2], repeating[3]));
        continue;
      }
      const found = match(depth === 0 ? NUMBER : PLAIN_NUMBER);
      if (found === null) {
        push("sign", char);
        at++;
        continue;
      }
      if (found[0].length > MAX_DIGITS) return null;
      const exponent = Number(match(EXPONENT)?.[1] ?? 0);
      // A last full stop of a number, as in `5.`, says nothing.
      if (text[at] === "." && !/[.\d]/.test(text[at + 1] ?? "")) at++;
      push("number", found[0], decimal(found[0].replace(/[, ]/g, ""), exponent));
    } else if (char === "\\") {
      at++;
      const name = match(LETTERS)?.[0];
      if (name === undefined) {
        const sign = text[at++] ?? "";
        if (sign === "{") depth++;
        if (sign === "}") depth--;
        push(sign === "$" || sign === "%" ? "sign" : "command", sign);
      } else if (name === "text") {
        const end = textEnd(text, at);
        for (const word of text.slice(at + 1, end).match(/[^\s,;]+|[,;]/g) ?? []) {
          if (/^[,;]$/.test(word)) push("sign", word);
          else push("word", word);
          spaced = true;
        }
        at = end + 1;
      } else {
        if (name === "langle") depth++;
        if (name === "rangle") depth--;
        push("command", name);
      }
    } else if (/[a-zA-Z]/.test(char)) {
      pushLetters(match(LETTERS)![0], text[at] ?? "", push);
    } else {
      const operator = OPERATORS.find((name) => text.startsWith(name, at));
      const sign = operator ?? char;
      if ("([".includes(sign)) depth++;
      if (")]".includes(sign)) depth--;
      const name = OPERATOR_NAMES[sign];
      if (name !== undefined && name !== "^") push("command", name);
      else push("sign", name ?? sign);
      at += sign.length;
    }
  }
  return tokens;
}

function pushLetters(run: string, next: string, push: (kind: Token["kind"], text: string) => void): void {
  const glued = GLUED.exec(run);
  if (Object.hasOwn(PLAIN, run)) push("command", PLAIN[run]);
  else if (glued !== null) {
    push("command", glued[1]);
    push("letter", glued[2]);
  } else if (run.length > 3 || SHORT_WORDS.has(run.toLowerCase()) || (run.length > 1 && next === "."))
    push("word", run);
  else for (const letter of run) push("letter", letter);
}

/** Where the brace closes that opens at `at`; the text's end when none does. */
function textEnd(text: string, at: number): number {
  let depth = 0;
  for (let index = at; index < text.length; index++) {
    if (text[index] === "{") depth++;
    if (text[index] === "}" && --depth === 0) return index;
  }
  return text.length;
}

function decimal(text: string, exponent: number): Rational {
  const [units, decimals = ""] = text.split(".");
  const shift = exponent - decimals.length;
  const digits = BigInt(units + decimals);
  return shift >= 0 ? rational(digits * 10n ** BigInt(shift)) : rational(digits, 10n ** BigInt(-shift));
}

/** `0.1\overline{6}` = 1/6: (all digits − those that do not repeat) / (9…90…0). */
function repeatingDecimal(units: string, fixed: string, repeated: string): Rational {
  const below = (10n ** BigInt(repeated.length) - 1n) * 10n ** BigInt(fixed.length);
  return rational(BigInt(`${units}${fixed}${repeated}`) - BigInt(`${units}${fixed}` || "0"), below);
}
