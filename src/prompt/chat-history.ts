import type { ChatMessage, TextTokenizer } from "./text-tokenizer.ts";

/** How a history begins and how its turns are written. */
export interface ChatHistoryOptions {
  /** A system message to begin with. */
  system?: string;
  /** A Jinja template to use instead of the tokenizer's own. */
  template?: string;
}

/**
 * A chat as the ids that its model read and drew: an answer stays the tokens that were sampled, since its text, encoded
 * again, may be others. What a turn adds is the rendering of all messages behind that of the turn before and its answer,
 * and is all that is encoded: the words that close the answer, the user's message, and those that begin the next answer.
 *
 * An answer's end token is the template's where both write the same, and gives way to the template's where they do not.
 *
 * Where a template writes earlier turns anew (leaves out their thoughts, say), so that the rendering does not begin with
 * that of the turn before and the answer as it was drawn, or trimmed, the ids of the whole rendering take the place of
 * all that was kept.
 */
export class ChatHistory {
  private readonly tokenizer: Pick<TextTokenizer, "writeChat" | "stopIds">;
  private readonly options: ChatHistoryOptions;
  private turns: ChatMessage[] = [];
  /** The prompt last answered, as text, and with its answer as ids; null before the first answer. */
  private known: { text: string; ids: readonly number[] } | null = null;
  private asked: { text: string; ids: readonly number[] } | null = null;

  constructor(tokenizer: Pick<TextTokenizer, "writeChat" | "stopIds">, options: ChatHistoryOptions = {}) {
    this.tokenizer = tokenizer;
    this.options = options;
    this.clear();
  }

  /** The chat as text, in order. */
  get messages(): readonly ChatMessage[] {
    return this.turns;
  }

  /**
   * Adds what the user says.
   *
   * @returns ids that the answer follows
   * @throws ConfigError when there is no template, or it refuses the messages
   */
  ask(content: string): readonly number[] {
    const { template } = this.options;
    const messages: ChatMessage[] = [...this.turns, { role: "user", content }];
    const written = this.tokenizer.writeChat(messages, { addGenerationPrompt: true, template });
    const { text } = written;
    const end = this.endOfAnswer(text);
    const ids = end === null ? written.encodeFrom(0) : this.followed(written.encodeFrom(end));
    this.turns = messages;
    this.asked = { text, ids };
    return ids;
  }

  /**
   * Adds the answer to what was asked last.
   *
   * @param tokens as drawn, an end token included
   * @param text of it, without special tokens
   */
  answer(tokens: readonly number[], text: string): void {
    if (this.asked === null) throw new Error("chat history: ask before an answer");
    this.known = { text: this.asked.text, ids: [...this.asked.ids, ...tokens] };
    this.asked = null;
    this.turns = [...this.turns, { role: "assistant", content: text }];
  }

  /** Takes back what was asked last, which got no answer. */
  retract(): void {
    if (this.asked === null) return;
    this.asked = null;
    this.turns = this.turns.slice(0, -1);
  }

  /** Begins again. */
  clear(): void {
    const { system } = this.options;
    this.turns = system === undefined ? [] : [{ role: "system", content: system }];
    this.known = null;
    this.asked = null;
  }

  /** Where the latest answer ends in a rendering that begins with all that was read and drawn; null where it does not. */
  private endOfAnswer(text: string): number | null {
    const answer = this.turns.at(-1);
    if (this.known === null || answer === undefined || !text.startsWith(this.known.text)) return null;
    const begin = this.known.text.length;
    const written = [answer.content, answer.content.trim()].find((content) => text.startsWith(content, begin));
    return written === undefined ? null : begin + written.length;
  }

  /** The ids known so far and those of what follows the answer, with one end token between them. */
  private followed(added: readonly number[]): number[] {
    const known = this.known?.ids ?? [];
    const last = known.at(-1);
    const ends = (id: number | undefined) => id !== undefined && this.tokenizer.stopIds.includes(id);
    return [...(ends(last) && ends(added[0]) ? known.slice(0, -1) : known), ...added];
  }
}
