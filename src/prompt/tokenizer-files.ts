import type { PipelineTokenizer, TextTokenizer } from "./text-tokenizer.ts";

/** A tokenizer.json as readers elsewhere describe it: fields of Hugging Face's may be left out. */
interface LooseJson {
  added_tokens?: Record<string, unknown>[];
  [field: string]: unknown;
}

/** What Hugging Face's tokenizers demand of every added token. */
const addedDefaults = { single_word: false, lstrip: false, rstrip: false, normalized: false };

/**
 * The files that transformers reads a tokenizer from, by name: what a model that was a single file lacks as a directory.
 *
 * @returns texts of tokenizer.json, tokenizer_config.json and generation_config.json (for its end tokens); null for a
 * tokenizer that is not described in tokenizer.json's words
 */
export function tokenizerFiles(tokenizer: TextTokenizer): Record<string, string> | null {
  if (!("parts" in tokenizer)) return null;
  const { parts, framing, bosId, stopIds } = tokenizer as PipelineTokenizer;
  const json = parts.json as LooseJson;
  const complete = {
    version: "1.0",
    truncation: null,
    padding: null,
    normalizer: null,
    pre_tokenizer: null,
    ...json,
    added_tokens: (json.added_tokens ?? []).map((token) => ({ ...addedDefaults, ...token })),
    post_processor: json.post_processor ?? postProcessor(framing, (id) => tokenizer.tokenText(id)),
  };
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...parts.special,
    clean_up_tokenization_spaces: false,
    ...(parts.chatTemplate ? { chat_template: parts.chatTemplate.source } : {}),
  };
  const generation = { ...(bosId === null ? {} : { bos_token_id: bosId }), eos_token_id: stopIds };
  const text = (value: unknown) => `${JSON.stringify(value, fullTokens, 2)}\n`;
  return {
    "tokenizer.json": text(complete),
    "tokenizer_config.json": text(config),
    "generation_config.json": text(generation),
  };
}

/** Byte-level parts have fields that Hugging Face's tokenizers demand. */
function fullTokens(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || (value as { type?: unknown }).type !== "ByteLevel") return value;
  return { add_prefix_space: false, trim_offsets: true, use_regex: true, ...value };
}

/** Puts the ids before and after a text; null where there are none. */
function postProcessor(
  { before, after }: { before: readonly number[]; after: readonly number[] },
  textOf: (id: number) => string,
): unknown {
  const ids = [...new Set([...before, ...after])];
  if (ids.length === 0) return null;
  const special = (id: number, type: number) => ({ SpecialToken: { id: textOf(id), type_id: type } });
  const framed = (name: string, type: number) => [
    ...before.map((id) => special(id, type)),
    { Sequence: { id: name, type_id: type } },
    ...after.map((id) => special(id, type)),
  ];
  return {
    type: "TemplateProcessing",
    single: framed("A", 0),
    pair: [...framed("A", 0), ...framed("B", 1)],
    special_tokens: Object.fromEntries(
      ids.map((id) => [textOf(id), { id: textOf(id), ids: [id], tokens: [textOf(id)] }]),
    ),
  };
}
