import { gpt2Split } from "./tokenizer-split.ts";

/** What `tokenizer.ggml.pre` stands for: the parts of a tokenizer.json that GGUF leaves to its reader. */
export interface GgufSplit {
  normalizer: unknown;
  preTokenizer: unknown;
  /** Whether a piece that is a token is that token, whatever the merges. */
  ignoreMerges: boolean;
}

const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
const isolated = (regex: string): unknown => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior: "Isolated",
  invert: false,
});
const cutBy = (...stages: unknown[]): unknown => ({ type: "Sequence", pretokenizers: [...stages, byteLevel] });

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const signsAndSpaces = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const llama3 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${signsAndSpaces}`;
const qwen2 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${signsAndSpaces}`;

const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const casedWord = (end: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${end}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${end}`;
const signsWithSlash = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const gpt4o = `${casedWord(`${contractions}?`)}|\\p{N}{1,3}|${signsWithSlash}`;
const tekken = `${casedWord("")}|\\p{N}|${signsWithSlash}`;

const nfc = { type: "NFC" };
const plain = (stage: string): GgufSplit => ({
  normalizer: null,
  preTokenizer: cutBy(isolated(stage)),
  ignoreMerges: false,
});

const likeGpt2 = plain(gpt2Split);
const singleDigits: GgufSplit = {
  normalizer: null,
  preTokenizer: cutBy({ type: "Digits", individual_digits: true }, isolated(gpt2Split)),
  ignoreMerges: false,
};
const likeLlama3: GgufSplit = { ...plain(llama3), ignoreMerges: true };
const likeQwen2: GgufSplit = { ...plain(qwen2), normalizer: nfc };

/**
 * The cut of each `tokenizer.ggml.pre`, as the tokenizer.json that the model was trained with has it: digits one by
 * one before all else for StarCoder's kin (SmolLM, Granite's `refact`), Unicode composed first for Qwen and OLMo.
 *
 * @see `llm_tokenizer_bpe` of llama.cpp for the names
 */
export const ggufSplits: Readonly<Record<string, GgufSplit>> = {
  default: likeGpt2,
  "gpt-2": likeGpt2,
  "phi-2": likeGpt2,
  mpt: { ...likeGpt2, normalizer: nfc },
  olmo: { ...likeGpt2, normalizer: nfc },
  dbrx: plain(llama3),
  smollm: singleDigits,
  starcoder: singleDigits,
  refact: singleDigits,
  codeshell: singleDigits,
  "command-r": { ...singleDigits, normalizer: nfc },
  "llama-bpe": likeLlama3,
  llama3: likeLlama3,
  "llama-v3": likeLlama3,
  falcon3: likeLlama3,
  "smaug-bpe": plain(llama3),
  qwen2: likeQwen2,
  "deepseek-r1-qwen": likeQwen2,
  megrez: likeQwen2,
  "gpt-4o": plain(gpt4o),
  llama4: plain(gpt4o),
  tekken: { ...plain(tekken), ignoreMerges: true },
};
