import * as library from "@huggingface/tokenizers";
import type { TokenizerField } from "./tokenizer-field.ts";

/** The one class used of the library, whose own declarations do not resolve from an ES module of Node. */
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (config: { pattern: { Regex: string }; invert: boolean }) => { pattern: RegExp | null };
};

/** What a match means for the pieces of a text; the names are those of tokenizer.json. */
export const splitBehaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
export type SplitBehavior = (typeof splitBehaviors)[number];

/** Where Python's `is_whitespace` and Oniguruma's `\s` hold: JavaScript's `\s` wants U+0085 and has U+FEFF too many. */
export const whitespace = "\\p{White_Space}";
/** What Rust's `is_punctuation` holds, as tokenizer.json means it: ASCII's, and every category P of Unicode. */
export const punctuation = "\\p{P}\\u0021-\\u002F\\u003A-\\u0040\\u005B-\\u0060\\u007B-\\u007E";

/**
 * A pattern of tokenizer.json, `{"String": …}` or `{"Regex": …}`, as a global expression. Expressions are written for
 * Oniguruma; Hugging Face's library says them in JavaScript's syntax (its README lists what cannot be said, such as
 * full case folding: `(?i:'s)` here is not `'ſ`).
 *
 * @throws CheckpointError when the expression cannot be said in JavaScript
 */
export function readPattern(field: TokenizerField): RegExp {
  const literal = field.child("String");
  if (!literal.missing) return new RegExp(literal.string().replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu");
  const regex = field.child("Regex");
  try {
    return regexOf(regex.string());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw regex.refuse(`an expression that JavaScript can run (${error.message})`);
  }
}

/** @throws SyntaxError when the expression cannot be said in JavaScript */
export function regexOf(oniguruma: string): RegExp {
  const split = new SplitPreTokenizer({ pattern: { Regex: oniguruma }, invert: false });
  if (split.pattern === null) throw new SyntaxError("no pattern");
  return split.pattern;
}

/**
 * A text cut at the matches of a pattern; no piece is empty.
 *
 * @param options.invert what lies between the matches counts as the match
 * @see `NormalizedString::split` of huggingface/tokenizers, whose behaviors these are
 */
export function splitBy(
  text: string,
  pattern: RegExp,
  options: { behavior: SplitBehavior; invert: boolean },
): string[] {
  const { behavior, invert } = options;
  if (behavior === "Isolated" || (behavior === "Removed" && invert)) return keepAll(text, pattern, behavior);
  const ends: number[] = [];
  const matched: boolean[] = [];
  const push = (end: number, isMatch: boolean): void => {
    if (end === (ends.at(-1) ?? 0)) return;
    ends.push(end);
    matched.push(isMatch !== invert);
  };
  for (const match of text.matchAll(pattern)) {
    push(match.index, false);
    push(match.index + match[0].length, true);
  }
  push(text.length, false);

  const pieces: string[] = [];
  for (let index = 0, begin = 0; index < ends.length; index++) {
    const glued = index + 1 < ends.length && isGlued(behavior, matched, index);
    if (glued) continue;
    if (behavior !== "Removed" || !matched[index]) pieces.push(text.slice(begin, ends[index]));
    begin = ends[index];
  }
  return pieces;
}

/** Whether a piece and the next one are one piece. Pieces alternate unless two matches touch. */
function isGlued(behavior: SplitBehavior, matched: readonly boolean[], index: number): boolean {
  if (behavior === "Contiguous") return matched[index] === matched[index + 1];
  if (behavior === "MergedWithPrevious") return matched[index + 1] && !matched[index];
  if (behavior === "MergedWithNext") return matched[index] && !matched[index + 1];
  return false;
}

/** Every piece stays, or the matches alone do. */
function keepAll(text: string, pattern: RegExp, behavior: SplitBehavior): string[] {
  const matches = text.match(pattern);
  if (matches === null) return behavior === "Removed" || text === "" ? [] : [text];
  let covered = 0;
  let isSparse = false;
  for (const match of matches) {
    covered += match.length;
    isSparse ||= match === "";
  }
  if (behavior === "Removed" || covered === text.length) return isSparse ? matches.filter((m) => m !== "") : matches;
  const pieces: string[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > at) pieces.push(text.slice(at, match.index));
    if (match[0] !== "") pieces.push(match[0]);
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push(text.slice(at));
  return pieces;
}
