import type { TokenizerField } from "./tokenizer-field.ts";

/** A token that is matched whole in the text, before any cutting. */
export interface AddedToken {
  id: number;
  content: string;
  /** Whether it is a control token, such as the end of a turn; `encode` can be told to read these as plain text. */
  special: boolean;
  /** Whether it is looked for after normalization. */
  normalized: boolean;
  /** Whether it counts only where no word character touches it. */
  singleWord: boolean;
  /** Whether it takes the whitespace before it, and after it. */
  lstrip: boolean;
  rstrip: boolean;
}

/** A stretch of text: an added token, or the text between two of them, with its place in the text. */
export interface Section {
  text: string;
  at: number;
  token: AddedToken | null;
}

/** One entry of tokenizer.json's `added_tokens`. */
export function readAddedToken(field: TokenizerField): AddedToken {
  const special = field.child("special").flag(false);
  const content = field.child("content").string();
  if (content === "") throw field.child("content").refuse("some text");
  return {
    id: field.child("id").id(),
    content,
    special,
    normalized: field.child("normalized").flag(!special),
    singleWord: field.child("single_word").flag(false),
    lstrip: field.child("lstrip").flag(false),
    rstrip: field.child("rstrip").flag(false),
  };
}

const wordCharacter = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const spacesBefore = /\p{White_Space}*$/u;
const spacesAfter = /^\p{White_Space}*/u;

/** Finds added tokens in a text: the leftmost, and of those that begin there the longest. */
export class AddedTokenFinder {
  private readonly byFirst = new Map<number, { text: string; token: AddedToken }[]>();

  /** @param spellings the tokens, each as it stands in the text looked at (normalized or not) */
  constructor(spellings: readonly { text: string; token: AddedToken }[]) {
    for (const spelling of spellings) {
      if (spelling.text === "") continue;
      const first = spelling.text.charCodeAt(0);
      const same = this.byFirst.get(first) ?? [];
      same.push(spelling);
      same.sort((a, b) => b.text.length - a.text.length);
      this.byFirst.set(first, same);
    }
  }

  /** @param accepts whether a match from `begin` to `end` counts; one that does not is text */
  split(text: string, accepts: (token: AddedToken, begin: number, end: number) => boolean): Section[] {
    const sections: Section[] = [];
    let done = 0;
    for (let at = 0; at < text.length; ) {
      const found = this.byFirst.get(text.charCodeAt(at))?.find((spelling) => text.startsWith(spelling.text, at));
      if (found === undefined) {
        at++;
        continue;
      }
      const end = at + found.text.length;
      if (at >= done && standsAlone(text, at, end, found.token) && accepts(found.token, at, end)) {
        const lead = found.token.lstrip ? spacesBefore.exec(text.slice(done, at))![0].length : 0;
        const trail = found.token.rstrip ? spacesAfter.exec(text.slice(end))![0].length : 0;
        if (at - lead > done) sections.push({ text: text.slice(done, at - lead), at: done, token: null });
        sections.push({ text: text.slice(at - lead, end + trail), at: at - lead, token: found.token });
        done = end + trail;
      }
      at = end;
    }
    if (done < text.length) sections.push({ text: text.slice(done), at: done, token: null });
    return sections;
  }
}

function standsAlone(text: string, begin: number, end: number, token: AddedToken): boolean {
  if (!token.singleWord) return true;
  const before = Array.from(text.slice(Math.max(0, begin - 2), begin)).at(-1) ?? "";
  const after = end < text.length ? String.fromCodePoint(text.codePointAt(end)!) : "";
  return !wordCharacter.test(before) && !wordCharacter.test(after);
}
