import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { guardContents } from "./chat-contents.ts";
import { type ChatMessage, type ChatSettings, ChatTemplate } from "./chat-template.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { TokenizerField } from "./tokenizer-field.ts";
import { TokenizerPipeline } from "./tokenizer-pipeline.ts";
import {
  framingIds,
  readChatTemplate,
  readSpecialTokens,
  type SpecialTokens,
  withSpecialTokens,
} from "./tokenizer-special.ts";

export type { ChatMessage, ChatSettings } from "./chat-template.ts";
export { createTextStream, type TextStream } from "./tokenizer-text-stream.ts";

/** What special tokens written out in a text are: themselves, or the characters they are written in. */
export type SpecialTokenReading = "parse" | "text";

/** What `renderChat` is told. */
export interface ChatRendering extends ChatSettings {
  /** A Jinja template to use instead of the tokenizer's own. */
  template?: string;
}

/** What `encodeChat` is told. */
export interface ChatEncoding extends ChatRendering {
  /**
   * "text" (unless given): a special token that someone wrote into a message stays the characters it is written in, so
   * a user cannot end a turn or begin the system's. "parse": it is that token, as in Python's `apply_chat_template`.
   */
  specialTokensInContent?: SpecialTokenReading;
}

/** Messages as a template wrote them, to be encoded whole or from a place on. */
export interface WrittenChat {
  readonly text: string;
  /** The ids of what stands from a character on, as if nothing stood before it; nothing of the messages' is a special token. */
  encodeFrom(place: number): number[];
}

/** The tokenizer of a language model, with its chat template. */
export interface TextTokenizer extends Tokenizer {
  /** Ids that end a completion: `eosId`, and those that generation_config.json or the GGUF file adds. */
  readonly stopIds: number[];
  /** Ids of special tokens, the end tokens among them: marks of the model's, no part of what it says. */
  readonly specialIds: ReadonlySet<number>;
  readonly bosId: number | null;
  /** Ids that Python's `tokenizer(text)` puts before and after a text; a chat template writes its own. */
  readonly framing: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** Whether `renderChat` works without a template of the caller's. */
  readonly hasChatTemplate: boolean;
  /**
   * The ids of a text; nothing is added at either end. Equals Python's `tokenizer(text, add_special_tokens=False)`.
   *
   * @param options.specialTokens "parse" (unless given) as Python does; "text" as it does with `split_special_tokens`
   * @throws DataError when the text cannot be written in this vocabulary
   */
  encode(text: string, options?: { specialTokens?: SpecialTokenReading }): number[];
  /** A token as the vocabulary writes it, such as `Ġthe`, `▁the` or `<0x0A>`. @throws DataError when there is none */
  tokenText(id: number): string;
  /**
   * Messages as the template writes them. Equals Python's `apply_chat_template(messages, tokenize=False)`.
   *
   * @throws ConfigError when there is no template, or it refuses the messages; names its line
   */
  renderChat(messages: readonly ChatMessage[], options: ChatRendering): string;
  /**
   * The ids of `renderChat`'s text. Equals Python's `apply_chat_template(messages)` when no message has a special token
   * written in it, or with `specialTokensInContent: "parse"`.
   *
   * To keep one from being read, a mark is put inside it before rendering, and taken out after, at the price that a
   * template which looks for a special token in a message does not see it. Added tokens that are not special, such as
   * `<think>`, are always read, as a model's own turns need.
   */
  encodeChat(messages: readonly ChatMessage[], options: ChatEncoding): number[];
  /** `encodeChat` in two parts: what it reads, and the ids of the end of it. */
  writeChat(messages: readonly ChatMessage[], options: ChatRendering): WrittenChat;
}

/** A tokenizer described in the words of tokenizer.json, wherever it was read from. */
export interface TokenizerParts {
  /** What to call it in errors. */
  file: string;
  /** The content of a tokenizer.json. */
  json: unknown;
  special: SpecialTokens;
  stopIds: readonly number[];
  chatTemplate: { source: string; name: string } | null;
  /** How to give a template to a tokenizer without one, for the error. */
  templateField: string;
  framing: { before: readonly number[]; after: readonly number[] } | null;
}

/**
 * Reads tokenizer.json, and beside it, where they are, tokenizer_config.json, special_tokens_map.json,
 * chat_template.jinja (or .json) and generation_config.json (for its end tokens).
 *
 * A model that has no end token but one between sentences (BERT's `[SEP]`) ends with that.
 *
 * @throws CheckpointError naming the file and field that is missing or broken
 */
export function openTokenizer(directory: string): TextTokenizer {
  const file = join(directory, "tokenizer.json");
  const json = readJson(file);
  if (json === null) {
    throw new CheckpointError(
      `${file}: there is no such file; take a model with a tokenizer.json (tokenizer.model and vocab.txt are not read)`,
    );
  }
  const config = fieldOf(join(directory, "tokenizer_config.json"));
  const special = readSpecialTokens(config, fieldOf(join(directory, "special_tokens_map.json")));
  const generation = fieldOf(join(directory, "generation_config.json"));
  const ends = generation.child("eos_token_id");
  const stopIds = ends.missing ? [] : (Array.isArray(ends.value) ? ends.items() : [ends]).map((end) => end.id());
  const completed = withSpecialTokens(new TokenizerField(file, "", json), config, special);
  return new PipelineTokenizer({
    file,
    json: completed,
    special,
    stopIds,
    chatTemplate: readTemplateFiles(directory, config),
    templateField: `a chat_template in ${join(directory, "tokenizer_config.json")} or chat_template.jinja`,
    framing: framingIds(new TokenizerField(file, "", completed), config, special),
  });
}

/** A `TextTokenizer` over a `TokenizerPipeline`. */
export class PipelineTokenizer implements TextTokenizer {
  readonly vocabularySize: number;
  readonly eosId: number;
  readonly bosId: number | null;
  readonly stopIds: number[];
  readonly specialIds: ReadonlySet<number>;
  readonly framing: { readonly before: readonly number[]; readonly after: readonly number[] };
  readonly hasChatTemplate: boolean;
  private readonly pipeline: TokenizerPipeline;
  private readonly specialTexts: string[];
  private readonly templates = new Map<string, ChatTemplate>();

  /** @throws CheckpointError when the description is broken or names no end token */
  constructor(readonly parts: TokenizerParts) {
    this.pipeline = new TokenizerPipeline(parts.json, parts.file);
    this.vocabularySize = this.pipeline.vocabularySize;
    for (const id of parts.stopIds) this.known(id, "an end token");
    const end = parts.special.eos_token ?? (parts.stopIds.length === 0 ? parts.special.sep_token : undefined);
    const eosId = end === undefined ? parts.stopIds[0] : this.pipeline.idOf(end);
    if (eosId === undefined || eosId === null) {
      throw new CheckpointError(
        `${parts.file}: expected an end token (\`eos_token\`) that is in the vocabulary, got ` +
          `${end === undefined ? "none" : `\`${end}\``}; name it in tokenizer_config.json or generation_config.json`,
      );
    }
    this.eosId = eosId;
    this.stopIds = [...new Set([eosId, ...parts.stopIds])];
    const bos = parts.special.bos_token;
    this.bosId = bos === undefined ? null : this.pipeline.idOf(bos);
    this.framing = parts.framing ?? { before: [], after: [] };
    for (const id of [...this.framing.before, ...this.framing.after]) this.known(id, "a token of the post-processor");
    const specials = this.pipeline.added.filter((token) => token.special);
    this.specialTexts = specials.map((token) => token.content);
    this.specialIds = new Set([...this.stopIds, ...specials.map((token) => token.id)]);
    this.hasChatTemplate = parts.chatTemplate !== null;
  }

  private known(id: number, what: string): void {
    if (id < this.vocabularySize) return;
    throw new CheckpointError(
      `${this.parts.file}: expected ${what} below ${this.vocabularySize}, the vocabulary's size, got ${id}; ` +
        "do all files come from one model?",
    );
  }

  encode(text: string, options: { specialTokens?: SpecialTokenReading } = {}): number[] {
    const parses = options.specialTokens !== "text";
    return this.pipeline.encode(text, { accepts: () => parses });
  }

  decode(ids: ArrayLike<number>): string {
    return this.pipeline.decode(ids);
  }

  tokenText(id: number): string {
    return this.pipeline.token(id);
  }

  renderChat(messages: readonly ChatMessage[], options: ChatRendering): string {
    return this.template(options.template).render(messages, this.parts.special, options);
  }

  encodeChat(messages: readonly ChatMessage[], options: ChatEncoding): number[] {
    if (options.specialTokensInContent === "parse") return this.encode(this.renderChat(messages, options));
    return this.writeChat(messages, options).encodeFrom(0);
  }

  writeChat(messages: readonly ChatMessage[], options: ChatRendering): WrittenChat {
    const guard = guardContents(messages, this.specialTexts);
    const { text, isGuarded } = guard.read(this.renderChat(guard.messages, options));
    return {
      text,
      encodeFrom: (place) =>
        this.pipeline.encode(text.slice(place), { accepts: (begin, end) => !isGuarded(place + begin, place + end) }),
    };
  }

  private template(given: string | undefined): ChatTemplate {
    const own = this.parts.chatTemplate;
    if (given === undefined && own === null) {
      throw new ConfigError(
        `${this.parts.file}: this tokenizer has no chat template, so it is perhaps no chat model; ` +
          `give one with --template FILE or the recipe's \`template\`, or put ${this.parts.templateField}`,
      );
    }
    const { source, name } = given === undefined ? own! : { source: given, name: "the given template" };
    const template = this.templates.get(source) ?? new ChatTemplate(source, name);
    this.templates.set(source, template);
    return template;
  }
}

function readTemplateFiles(directory: string, config: TokenizerField): TokenizerParts["chatTemplate"] {
  const file = join(directory, "chat_template.jinja");
  if (existsSync(file)) return { source: readFileSync(file, "utf8"), name: file };
  const older = fieldOf(join(directory, "chat_template.json"));
  return readChatTemplate(config) ?? readChatTemplate(older);
}

/** A file's content, with nothing in it when it is not there. */
function fieldOf(file: string): TokenizerField {
  return new TokenizerField(file, "", readJson(file) ?? {});
}

function readJson(file: string): unknown {
  if (!existsSync(file)) return null;
  if (!statSync(file).isFile()) throw new CheckpointError(`${file}: expected a file, got a folder; check --model`);
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new CheckpointError(
      `${file}: expected JSON, got something else (${(error as Error).message}); fetch the file again`,
      { cause: error },
    );
  }
}
