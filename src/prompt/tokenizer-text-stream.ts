import type { Tokenizer } from "./tokenizer.ts";

/** Decodes ids as they come. */
export interface TextStream {
  /** The text that is certain with this id; "" while a character lacks bytes. */
  push(id: number): string;
  /** What is left at the end: U+FFFD for a character that never became whole. */
  flush(): string;
}

/**
 * A stream whose pieces, joined, are `decode` of all ids. Text ending in U+FFFD is withheld until the next ids settle
 * it, since it may be a character whose last bytes have not come. One exception: where a run of byte tokens (`<0xE2>`)
 * turns out not to be UTF-8, `decode` gives up the whole run, while characters of it may have been given out here.
 *
 * Each push decodes only the ids since the last settled place, with the id before it for the space between them.
 */
export function createTextStream(tokenizer: Pick<Tokenizer, "decode">): TextStream {
  let pending: number[] = [];
  let given = 0;

  const giveOut = (text: string, until: number): string => {
    const piece = text.slice(given, until);
    given = Math.max(given, until);
    return piece;
  };

  return {
    push(id) {
      pending.push(id);
      const text = tokenizer.decode(pending);
      const settled = text.replace(/\uFFFD+$/, "").length;
      const piece = giveOut(text, settled);
      if (settled === text.length && pending.length > 1) {
        const alone = tokenizer.decode([id]);
        if (alone !== "" && !alone.includes("\uFFFD")) {
          pending = [id];
          given = alone.length;
        }
      }
      return piece;
    },
    flush() {
      const text = tokenizer.decode(pending);
      const piece = giveOut(text, text.length);
      pending = [];
      given = 0;
      return piece;
    },
  };
}
