import { DataError } from "../base/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The tokens written as words; all others are one character. */
const SPECIAL_TOKENS = ["<scratchpad>", "<sos>", "<eos>", "<big>", "<little>", "<answer>"] as const;

/** The 57 tokens of the arithmetic task; a token's place is its id. */
export const MATH_TOKENS: readonly string[] = [
  ..."0123456789",
  ...".+-*/()%^=",
  ..."[], ;",
  ..."abcdefghijklmnopqrstuvwxyz",
  ...SPECIAL_TOKENS,
];

/** One token for each character of the task's alphabet and one for each word of `SPECIAL_TOKENS`. */
export class MathTokenizer implements Tokenizer {
  readonly vocabularySize = MATH_TOKENS.length;
  readonly eosId = MATH_TOKENS.indexOf("<eos>");
  private readonly ids = new Map(MATH_TOKENS.map((token, id) => [token, id]));

  encode(text: string): number[] {
    const ids: number[] = [];
    for (let at = 0; at < text.length; ) {
      const special = text[at] === "<" ? SPECIAL_TOKENS.find((token) => text.startsWith(token, at)) : undefined;
      const token = special ?? String.fromCodePoint(text.codePointAt(at)!);
      const id = this.ids.get(token);
      if (id === undefined) {
        throw new DataError(
          `encode: expected the alphabet \`${MATH_TOKENS.join("")}\`, got \`${token}\` at position ${at + 1} of ` +
            `\`${text}\`; leave it out or write it in these characters`,
        );
      }
      ids.push(id);
      at += token.length;
    }
    return ids;
  }

  decode(ids: ArrayLike<number>): string {
    return Array.from(ids, (id, place) => {
      const token = MATH_TOKENS[id];
      if (token !== undefined) return token;
      throw new DataError(
        `decode: expected ids from 0 to ${MATH_TOKENS.length - 1}, got ${id} at place ${place}; ` +
          "was it made with another tokenizer?",
      );
    }).join("");
  }
}
