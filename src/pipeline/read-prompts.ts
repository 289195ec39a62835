import { readFileSync } from "node:fs";
import { DataError } from "../base/errors.ts";
import type { ChatMessage, TextTokenizer } from "../prompt/text-tokenizer.ts";

/** What a model is to go on from. */
export type PromptRow = { prompt: string } | { messages: ChatMessage[] } | { ids: number[] };

const roles = ["system", "user", "assistant"];

/**
 * Reads prompts: of a `.jsonl` file one object a line, `{"prompt"}`, `{"messages": [{role, content}, …]}` or `{"ids"}`; of any
 * other file one prompt a line.
 *
 * @throws DataError naming file and line when a row is none of these, or the file is missing or has no rows
 */
export function readPrompts(path: string): PromptRow[] {
  return readLines(path, (row, place) => {
    const { prompt, messages, ids } = row as { prompt?: unknown; messages?: unknown; ids?: unknown };
    if (typeof prompt === "string") return { prompt };
    if (isTokenIds(ids)) return { ids };
    if (Array.isArray(messages) && messages.length > 0 && messages.every(isMessage)) return { messages };
    throw new DataError(
      `${place}: expected {"prompt": "…"}, {"messages": [{"role": "user", "content": "…"}]} or {"ids": [1, 2]}, got ` +
        `${JSON.stringify(row).slice(0, 80)}`,
    );
  });
}

/** What is to be scored. */
export type TextRow = { text: string } | { ids: number[] };

/**
 * Reads texts to score: of a `.jsonl` file one object a line, `{"text"}` or `{"ids"}`; of any other file one text a line.
 *
 * @throws DataError naming file and line when a row is neither, or the file is missing or has no rows
 */
export function readTexts(path: string): TextRow[] {
  return readLines(path, (row, place) => {
    const { text, prompt, ids } = row as { text?: unknown; prompt?: unknown; ids?: unknown };
    if (typeof text === "string") return { text };
    if (isTokenIds(ids)) return { ids };
    if (typeof prompt === "string" && !path.endsWith(".jsonl")) return { text: prompt };
    throw new DataError(`${place}: expected {"text": "…"} or {"ids": [1, 2]}, got ${JSON.stringify(row).slice(0, 80)}`);
  });
}

/**
 * The ids of a prompt: a conversation in the model's template, a text as it is, ids as they are.
 *
 * @param options chat: a text is a user's message; template: one to use in place of the model's own
 * @throws ConfigError when there is no chat template, or it refuses the messages; DataError for an id without a token
 */
export function promptIds(
  row: PromptRow,
  tokenizer: TextTokenizer,
  { chat, template }: { chat: boolean; template?: string },
): number[] {
  const asked = { addGenerationPrompt: true, template };
  if ("ids" in row) return knownIds(row.ids, tokenizer);
  if ("messages" in row) return tokenizer.encodeChat(row.messages, asked);
  if (chat) return tokenizer.encodeChat([{ role: "user", content: row.prompt }], asked);
  return [...tokenizer.framing.before, ...tokenizer.encode(row.prompt)];
}

/** The ids of a text to score, with what the tokenizer puts around a text; ids as they are. @throws DataError as `promptIds` */
export function textIds(row: TextRow, tokenizer: TextTokenizer): number[] {
  if ("ids" in row) return knownIds(row.ids, tokenizer);
  const { before, after } = tokenizer.framing;
  return [...before, ...tokenizer.encode(row.text), ...after];
}

function knownIds(ids: number[], { vocabularySize }: TextTokenizer): number[] {
  const stranger = ids.find((id) => id >= vocabularySize);
  if (stranger === undefined) return ids;
  throw new DataError(
    `ids: expected tokens of the model, 0 to ${vocabularySize - 1}, got ${stranger}; were they made by its own tokenizer?`,
  );
}

function readLines<T>(path: string, read: (row: unknown, place: string) => T): T[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new DataError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code}); check the path`, {
      cause: error,
    });
  }
  const rows = text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const place = `${path}, line ${i + 1}`;
    return [read(path.endsWith(".jsonl") ? parseLine(line, place) : { prompt: line }, place)];
  });
  if (rows.length === 0) throw new DataError(`${path}: expected at least one row, the file has none`);
  return rows;
}

function parseLine(line: string, place: string): unknown {
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row === "object" && row !== null) return row;
  } catch (error) {
    throw new DataError(`${place}: not JSON: ${(error as Error).message}`, { cause: error });
  }
  throw new DataError(`${place}: expected a JSON object, got ${line.slice(0, 80)}`);
}

const isTokenIds = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((id) => Number.isInteger(id) && id >= 0);

const isMessage = (value: unknown): value is ChatMessage => {
  const { role, content } = (value ?? {}) as { role?: unknown; content?: unknown };
  return roles.includes(role as string) && typeof content === "string";
};
