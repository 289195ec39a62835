import { DataError } from "../base/errors.ts";
import type { ChatMessage } from "./chat-template.ts";

/** Messages whose special tokens are marked, and how to read them back out of the rendered text. */
export interface GuardedContents {
  messages: readonly ChatMessage[];
  /** The rendered text without marks, and whether a stretch of it is a special token that a message had written out. */
  read(rendered: string): { text: string; isGuarded: (begin: number, end: number) => boolean };
}

/**
 * Puts a mark after the first character of every special token written in a message. A template then moves, trims or
 * repeats the content as it likes; what it renders is cleared of marks, and no special token may be read where one was.
 *
 * @param specialTexts special tokens as they are written
 */
export function guardContents(messages: readonly ChatMessage[], specialTexts: readonly string[]): GuardedContents {
  const mark = unusedCharacter(messages);
  const guarded = messages.map((message) => ({ ...message, content: marked(message.content, specialTexts, mark) }));
  return {
    messages: guarded,
    read(rendered) {
      const pieces = rendered.split(mark);
      const marks: number[] = [];
      let place = 0;
      for (const piece of pieces.slice(0, -1)) {
        place += piece.length;
        marks.push(place);
      }
      const isGuarded = (begin: number, end: number): boolean => marks.some((at) => begin < at && at <= end);
      return { text: pieces.join(""), isGuarded };
    },
  };
}

function marked(content: string, specialTexts: readonly string[], mark: string): string {
  const places = new Set<number>();
  for (const special of specialTexts) {
    for (let at = content.indexOf(special); at >= 0; at = content.indexOf(special, at + 1)) places.add(at + 1);
  }
  let text = "";
  let done = 0;
  for (const place of [...places].sort((a, b) => a - b)) {
    text += content.slice(done, place) + mark;
    done = place;
  }
  return text + content.slice(done);
}

/** One of Unicode's noncharacters U+FDD0 … U+FDEF, which no text for interchange has, and these messages have not. */
function unusedCharacter(messages: readonly ChatMessage[]): string {
  for (let code = 0xfdd0; code <= 0xfdef; code++) {
    const character = String.fromCharCode(code);
    if (!messages.some((message) => message.content.includes(character))) return character;
  }
  throw new DataError("encodeChat: the messages hold all noncharacters U+FDD0 … U+FDEF; take one of them out");
}
