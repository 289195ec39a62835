import type { Answer, Relation } from "./answer-shape.ts";
import { type Expression, whole } from "./expression.ts";
import { latexTokens, type Token } from "./latex-tokens.ts";
import { readExpression } from "./read-expression.ts";
import { readMatrix } from "./read-matrix.ts";
import { readChoice, readNumberWord, readNumeral, readSentence, readWords } from "./read-words.ts";
import { unitOf } from "./units.ts";

const RELATIONS: Readonly<Record<string, Relation>> = {
  "=": "=",
  "<": "<",
  ">": ">",
  lt: "<",
  gt: ">",
  le: "<=",
  ge: ">=",
  ne: "!=",
  approx: "approx",
  simeq: "approx",
  equiv: "=",
};
const OPENING = new Set(["(", "[", "{", "\\{", "\\langle", "\\lfloor", "\\lceil"]);
const CLOSING = new Set([")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil"]);

/** Longer answers are not read. */
const MAX_LENGTH = 1000;
const INFINITY: Expression = { kind: "symbol", name: "infty" };
const MINUS_INFINITY: Expression = { kind: "product", factors: [whole(-1), INFINITY] };
/** All real numbers. */
const REALS: Answer = {
  kind: "interval",
  low: { at: MINUS_INFINITY, closed: false },
  high: { at: INFINITY, closed: false },
};

/**
 * Reads an answer, after `plainLatex`, as what it is: a value with its unit, an equation, an interval, a tuple …
 * @returns null when it is nothing that this grammar knows
 */
export function readAnswer(plain: string): Answer | null {
  if (plain === "" || plain.length > MAX_LENGTH) return null;
  const early = readChoice(plain) ?? readNumeral(plain) ?? readNumberWord(plain) ?? readWords(plain);
  if (early !== null) return early;
  if (plain.includes("\\begin")) return readMatrix(plain);
  // `= 5` and `\approx 5` say 5.
  const tokens = latexTokens(spelledOut(plain.replace(/^(?:=|\\approx\b)/, "")));
  const answer = tokens === null ? null : read(tokens);
  if (answer !== null || !plain.includes("\\text")) return answer ?? readSentence(plain);
  // Mathematics inside of \text{…}: `\text{1:03 PM}`.
  const bare = latexTokens(spelledOut(plain.replace(/\\text\{([^{}]*)\}/g, " $1 ")));
  return (bare === null ? null : read(bare)) ?? readSentence(plain);
}

/** `U` between intervals is ∪; `m/s` after a number is a unit; `\mathbb{R}` is one sign. */
function spelledOut(plain: string): string {
  return plain
    .replace(/([)\]}])\s*U\s*(?=[([\\])/g, "$1\\cup ")
    .replace(/(?<=\d\s*)(km|cm|mm|mi|ft|m)\s*\/\s*(sec|min|hr|s|h)(?![a-z])/g, "\\text{$1/$2}")
    .replace(/\\mathbb\s*\{?\s*R\s*\}?|\\text\{\s*all real numbers\s*\}|\ball real numbers\b/gi, "\\Reals ");
}

function read(tokens: readonly Token[]): Answer | null {
  return (
    readWordTokens(tokens) ??
    readList(tokens) ??
    readMember(tokens) ??
    readSets(tokens) ??
    readNamed(tokens) ??
    readRelation(tokens) ??
    readBracketed(tokens) ??
    readRatio(tokens) ??
    readValue(tokens)
  );
}

/** Words of a `\text{…}` that are an item among others. */
function readWordTokens(tokens: readonly Token[]): Answer | null {
  const words = tokens.map((token) => token.text).join(" ");
  if (tokens.length === 0 || tokens.some((token) => token.kind !== "word") || /\b(?:and|or)\b/i.test(words))
    return null;
  return readChoice(words) ?? readNumeral(words) ?? readNumberWord(words) ?? readWords(`\\text{${words}}`);
}

/** Parts between commas, semicolons, `and`, `or`. */
function readList(tokens: readonly Token[]): Answer | null {
  const isWord = (token: Token, word: string) => token.kind === "word" && token.text.toLowerCase() === word;
  const isJoint = (token: Token | undefined) => token !== undefined && (isWord(token, "and") || isWord(token, "or"));
  // In `7, -2, and -5` the word separates, not the comma before it.
  const joined = tokens.filter((token, index) => !(isSign(token, ",") && isJoint(tokens[index + 1])));
  const parts = split(joined, (token) => isSign(token, ",") || isSign(token, ";") || isJoint(token));
  if (parts.length < 2) return null;
  const items = parts.map(read);
  if (items.some((item) => item === null)) return null;
  const joint = tokens.some((token) => isWord(token, "and")) ? "and" : "or";
  return { kind: "list", items: spreadVariable(items as Answer[]), joint };
}

/** `x = 1, 2` means x = 1 or x = 2. */
function spreadVariable(items: readonly Answer[]): Answer[] {
  const [first, ...rest] = items;
  const spread = first.kind === "relation" && first.relations[0] === "=" && rest.every((item) => item.kind === "value");
  if (!spread || first.kind !== "relation" || first.sides.length !== 2) return [...items];
  return [{ kind: "value", value: first.sides[1], unit: first.unit }, ...rest];
}

function readMember(tokens: readonly Token[]): Answer | null {
  const [before, after, ...more] = split(tokens, (token) => token.kind === "command" && token.text === "in");
  if (after === undefined || more.length > 0) return null;
  const of = readExpression(before);
  const set = read(after);
  return of === null || set === null ? null : { kind: "member", of, set };
}

/** Unions and differences of sets. */
function readSets(tokens: readonly Token[]): Answer | null {
  const minus = split(tokens, (token) => token.kind === "command" && token.text === "setminus");
  if (minus.length === 2) {
    const [whole, less] = minus.map(read);
    return whole === null || less === null ? null : { kind: "difference", whole, less };
  }
  const parts = split(tokens, (token) => token.kind === "command" && token.text === "cup");
  if (parts.length < 2) return null;
  const sets = parts.map(read);
  return sets.some((set) => set === null) ? null : { kind: "union", parts: sets as Answer[] };
}

/** `S = [1, 2)` and `(x, y) = (1, 2)`: what is named stands for itself. */
function readNamed(tokens: readonly Token[]): Answer | null {
  const [left, right, ...more] = split(tokens, (token) => isSign(token, "="));
  if (right === undefined || more.length > 0) return null;
  const named = readBracketed(right);
  if (named === null || named.kind === "value") return null;
  if (readExpression(left)?.kind === "symbol") return named;
  const names = readBracketed(left);
  const isNames =
    names?.kind === "tuple" && names.items.every((item) => item.kind === "value" && item.value.kind === "symbol");
  return isNames && named.kind === "tuple" && named.items.length === names.items.length ? named : null;
}

function readRelation(tokens: readonly Token[]): Answer | null {
  const isRelation = (token: Token) =>
    (token.kind === "sign" || token.kind === "command") && Object.hasOwn(RELATIONS, token.text);
  const parts = split(tokens, isRelation);
  if (parts.length < 2) return null;
  const relations = tokens.filter((token, index) => isRelation(token) && depthAt(tokens, index) === 0);
  const values = parts.map(readValue);
  if (values.some((value) => value?.kind !== "value")) return null;
  const known = values as (Answer & { kind: "value" })[];
  return {
    kind: "relation",
    sides: known.map(({ value, unit }) =>
      unit === "%" ? { kind: "quotient", over: value, under: whole(100) } : value,
    ),
    relations: relations.map(({ text }) => RELATIONS[text]),
    unit: known[known.length - 1].unit.replace("%", ""),
  };
}

/** Brackets around everything: a tuple, an interval, a set, or brackets that only group. */
function readBracketed(tokens: readonly Token[]): Answer | null {
  const only = tokens.length === 1 ? tokens[0] : null;
  if (only?.kind === "command" && only.text === "Reals") return REALS;
  if (only?.kind === "command" && only.text === "emptyset") return { kind: "set", items: [] };
  const [open, close] = [bracket(tokens[0]), bracket(tokens[tokens.length - 1])];
  if (tokens.length < 2 || !OPENING.has(open) || closesAt(tokens) !== tokens.length - 1) return null;
  const inside = tokens.slice(1, -1);
  if (open === "{") return readBraces(inside);
  if (open === "\\{" && close === "\\}") return readSet(inside);
  const parts = split(inside, (token) => isSign(token, ",") || isSign(token, ";"));
  if (parts.length === 1) return open === "(" && close === ")" ? read(inside) : null;
  const items = parts.map(read);
  if (items.some((item) => item === null)) return null;
  const known = items as Answer[];
  const [low, high] = known;
  const square = open === "[" || close === "]";
  if (square && known.length === 2 && low.kind === "value" && high.kind === "value") {
    const ends = [
      { at: low.value, closed: open === "[" },
      { at: high.value, closed: close === "]" },
    ];
    return { kind: "interval", low: ends[0], high: ends[1] };
  }
  const matched = `${open}${close}` === "()" || `${open}${close}` === "[]" || open === "\\langle";
  return matched ? { kind: "tuple", items: known } : null;
}

/** Braces without backslashes: of TeX around one thing, meant as a set around several. */
function readBraces(inside: readonly Token[]): Answer | null {
  const answer = read(inside);
  return answer?.kind === "list" ? { kind: "set", items: answer.items } : answer;
}

function readSet(inside: readonly Token[]): Answer | null {
  if (inside.length === 0) return { kind: "set", items: [] };
  // {x | x > 5}: the condition says all.
  const bar = inside.findIndex((token) => token.text === ":" || token.text === "|" || token.text === "vert");
  if (bar > 0) {
    const condition = read(inside.slice(bar + 1));
    if (condition !== null && condition.kind !== "value") return condition;
  }
  const items = split(inside, (token) => isSign(token, ",") || isSign(token, ";")).map(read);
  return items.some((item) => item === null) ? null : { kind: "set", items: items as Answer[] };
}

function readRatio(tokens: readonly Token[]): Answer | null {
  const parts = split(tokens, (token) => isSign(token, ":"));
  if (parts.length < 2) return null;
  const tail = /((?:a|p)\.?m\.?)$/i.exec(
    tokens
      .slice(-4)
      .map((token) => token.text)
      .join(""),
  );
  const suffix = tail === null ? "" : tail[1].toLowerCase().replace(/\./g, "");
  const last = parts[parts.length - 1];
  if (suffix !== "")
    parts[parts.length - 1] = last.slice(
      0,
      last.findIndex((token) => token.kind !== "number"),
    );
  const expressions = parts.map(readExpression);
  return expressions.some((part) => part === null)
    ? null
    : { kind: "ratio", parts: expressions as Expression[], suffix };
}

/** An expression with a currency before it or a unit behind it. */
function readValue(tokens: readonly Token[]): Answer | null {
  const currencyAt = tokens.findIndex((token) => token.kind === "sign" && "$€£".includes(token.text));
  const leading = currencyAt === 0 || (currencyAt === 1 && isSign(tokens[0], "-"));
  const currency = leading ? tokens[currencyAt].text : "";
  const bare = leading ? tokens.filter((_, index) => index !== currencyAt) : tokens;
  // The unit begins at the first word, percent sign or degree sign after which nothing but a unit follows.
  for (let end = unitStart(bare); end <= bare.length; end++) {
    const unit = unitOf(bare.slice(end));
    if (unit === null) continue;
    const value = readExpression(bare.slice(0, end));
    if (value !== null) return { kind: "value", value, unit: unit || currency };
  }
  return null;
}

function unitStart(tokens: readonly Token[]): number {
  // The degrees of `2\cos 15^\circ` are the function's.
  const angles = !tokens.some((token) => token.kind === "command" && /^(?:sin|cos|tan|cot|sec|csc)$/.test(token.text));
  const first = tokens.findIndex(
    (token, index) =>
      index > 0 &&
      (token.kind === "word" ||
        (token.kind === "sign" && "%$€¢".includes(token.text)) ||
        (angles && token.text === "degree")) &&
      depthAt(tokens, index) === 0,
  );
  return first < 0 ? tokens.length : first;
}

/** Parts between the tokens outside of all brackets that separate. */
function split(tokens: readonly Token[], separates: (token: Token) => boolean): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    const name = bracket(token);
    if (CLOSING.has(name)) depth--;
    if (depth === 0 && separates(token)) parts.push([]);
    else parts[parts.length - 1].push(token);
    if (OPENING.has(name)) depth++;
  }
  return parts;
}

function depthAt(tokens: readonly Token[], index: number): number {
  let depth = 0;
  for (const token of tokens.slice(0, index)) {
    const name = bracket(token);
    if (OPENING.has(name)) depth++;
    if (CLOSING.has(name)) depth--;
  }
  return depth;
}

/** Where the first token's bracket closes; −1 when it does not. */
function closesAt(tokens: readonly Token[]): number {
  let depth = 0;
  for (let at = 0; at < tokens.length; at++) {
    const name = bracket(tokens[at]);
    if (OPENING.has(name)) depth++;
    if (CLOSING.has(name) && --depth === 0) return at;
  }
  return -1;
}

function bracket(token: Token | undefined): string {
  if (token === undefined) return "";
  return token.kind === "command" ? `\\${token.text}` : token.kind === "sign" ? token.text : "";
}

function isSign(token: Token | undefined, text: string): boolean {
  return token?.kind === "sign" && token.text === text;
}
