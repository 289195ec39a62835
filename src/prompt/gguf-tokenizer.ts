import { ConfigError } from "../base/errors.ts";
import { type GgufPiece, mergesByScore } from "./gguf-tokenizer-merges.ts";
import { ggufSplits } from "./gguf-tokenizer-splits.ts";
import { PipelineTokenizer, type TextTokenizer } from "./text-tokenizer.ts";
import { readSpelledBytes, spellBytes } from "./tokenizer-bytes.ts";
import { TokenizerField } from "./tokenizer-field.ts";
import type { SpecialTokens } from "./tokenizer-special.ts";

/** `tokenizer.ggml.token_type`; 1 is an ordinary token, 2 the unknown one, 5 unused. */
const CONTROL = 3;
const USER_DEFINED = 4;
const BYTE = 6;

/** Ids besides the end token's that end a turn or a completion, where a file has them. */
const stopKeys = ["eot_token_id", "eom_token_id"];

/**
 * The tokenizer inside a GGUF file: `tokenizer.ggml.model` "gpt2" (byte-level BPE) or "llama" (SentencePiece's BPE with
 * scores and byte fallback).
 *
 * GGUF keeps the vocabulary and names the cut of the text (`tokenizer.ggml.pre`) without spelling it out. This reader
 * matches the tokenizer the model was trained with, that is the tokenizer.json on the hub, as llama.cpp does. For
 * SmolLM2 (`smollm`) this is what `AutoTokenizer.from_pretrained(dir, gguf_file=…)` of transformers 5.18 gives except
 * for digits after two or more spaces and numerals other than 0-9: transformers does not know `smollm` and falls back
 * to GPT-2's cut, so `a␣␣5` is `a, Ġ, Ġ, 5` there. SmolLM2's own tokenizer sets digits apart first: `a, ĠĠ, 5`. Of
 * 8,638 texts of GSM8K and MATH 33 differ, and the model finds 31 of them likelier cut this way (together by 213 nats).
 * So it is with Unicode's composed form for `qwen2` and `olmo`, and whole words before merges for `llama-bpe`, which
 * transformers leaves out of a GGUF file.
 *
 * @param metadata the file's key-values; arrays as JavaScript arrays or typed arrays
 * @param file what to call it in errors
 * @throws CheckpointError naming the key that is missing or broken
 * @throws ConfigError for a model or a cut that is not supported
 */
export function tokenizerFromGguf(metadata: Readonly<Record<string, unknown>>, file = "the GGUF file"): TextTokenizer {
  const key = (name: string): TokenizerField => new TokenizerField(file, name, metadata[name]);
  const ggml = (name: string): TokenizerField => key(`tokenizer.ggml.${name}`);
  const model = ggml("model").string();
  if (model !== "gpt2" && model !== "llama") {
    throw new ConfigError(
      `${file}: \`tokenizer.ggml.model\`: expected gpt2 or llama, got \`${model}\`; ` +
        "take the model as a directory with a tokenizer.json",
    );
  }
  const pieces = readPieces(ggml);
  const idAt = (name: string): number | null => {
    const id = ggml(name);
    if (id.missing) return null;
    if (id.id() >= pieces.length) throw id.refuse(`an id below ${pieces.length}, the number of tokens`);
    return id.id();
  };
  const special: SpecialTokens = {};
  const roles = { bos_token: "bos", eos_token: "eos", unk_token: "unknown", pad_token: "padding" } as const;
  for (const [role, name] of Object.entries(roles) as [keyof typeof roles, string][]) {
    const id = idAt(`${name}_token_id`);
    if (id !== null) special[role] = pieces[id].token;
  }
  const bos = idAt("bos_token_id");
  const eos = idAt("eos_token_id");
  const adds = (name: string, id: number | null, unless: boolean): number[] =>
    id !== null && ggml(name).flag(unless) ? [id] : [];
  const template = key("tokenizer.chat_template");
  const more = stopKeys.map(idAt).filter((id) => id !== null);
  return new PipelineTokenizer({
    file,
    json: model === "gpt2" ? byteLevelJson(pieces, ggml) : sentencePieceJson(pieces, ggml, key),
    special,
    stopIds: eos === null ? more : [eos, ...more],
    chatTemplate: template.missing ? null : { source: template.string(), name: `${file} (tokenizer.chat_template)` },
    templateField: "`tokenizer.chat_template` into the file",
    framing: {
      before: adds("add_bos_token", bos, model === "llama"),
      after: adds("add_eos_token", eos, false),
    },
  });
}

type Ggml = (name: string) => TokenizerField;

function readPieces(ggml: Ggml): GgufPiece[] {
  const tokens = listOf(ggml("tokens"));
  if (tokens.length === 0) throw ggml("tokens").refuse("at least one token");
  const types = ggml("token_type").missing ? null : listOf(ggml("token_type"));
  const scores = ggml("scores").missing ? null : listOf(ggml("scores"));
  if (types !== null && types.length !== tokens.length) throw ggml("token_type").refuse(`${tokens.length} types`);
  if (scores !== null && scores.length !== tokens.length) throw ggml("scores").refuse(`${tokens.length} scores`);
  return Array.from(tokens, (token, id) => {
    const at = (name: string, value: unknown): TokenizerField =>
      new TokenizerField(ggml(name).file, `${ggml(name).place}[${id}]`, value);
    return {
      id,
      token: at("tokens", token).string(),
      type: types === null ? 1 : at("token_type", types[id]).number(),
      score: scores === null ? 0 : at("scores", scores[id]).number(),
    };
  });
}

function listOf(field: TokenizerField): ArrayLike<unknown> {
  const { value } = field;
  if (Array.isArray(value)) return value;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return value as unknown as ArrayLike<unknown>;
  throw field.refuse("a list");
}

function byteLevelJson(pieces: readonly GgufPiece[], ggml: Ggml): unknown {
  const name = ggml("pre").string("default");
  const split = Object.hasOwn(ggufSplits, name) ? ggufSplits[name] : undefined;
  if (split === undefined) {
    throw new ConfigError(
      `${ggml("pre").file}: \`tokenizer.ggml.pre\`: expected one of ${Object.keys(ggufSplits).join(", ")}, ` +
        `got \`${name}\`; take the model as a directory with a tokenizer.json`,
    );
  }
  const spelled = (piece: GgufPiece): string =>
    isAdded(piece) || readSpelledBytes(piece.token) !== null ? piece.token : spellBytes(piece.token);
  const merges = listOf(ggml("merges"));
  return {
    added_tokens: addedTokens(pieces, () => false),
    normalizer: split.normalizer,
    pre_tokenizer: split.preTokenizer,
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(pieces.map((piece) => [spelled(piece), piece.id])),
      merges: Array.isArray(merges) ? merges : Array.from(merges),
      ignore_merges: split.ignoreMerges,
    },
  };
}

/** Phi-3's and Phi-MoE's control tokens take the whitespace after them, which GGUF has no place to say. */
const strippingArchitectures = ["phi3", "phimoe"];

function sentencePieceJson(pieces: readonly GgufPiece[], ggml: Ggml, key: Ggml): unknown {
  const unknown = ggml("unknown_token_id").missing ? 0 : ggml("unknown_token_id").id();
  if (unknown >= pieces.length) throw ggml("unknown_token_id").refuse(`an id below ${pieces.length}`);
  const prefixed = ggml("add_space_prefix").flag(true);
  const marks = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const strips = strippingArchitectures.includes(String(key("general.architecture").value));
  const kept = ["<unk>", "<s>", "<|endoftext|>"];
  const decoders: unknown[] = [
    { type: "Replace", pattern: { String: "▁" }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
  ];
  return {
    added_tokens: addedTokens(pieces, (piece) => strips && !kept.includes(piece.token)),
    normalizer: prefixed ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, marks] } : marks,
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: prefixed ? [...decoders, { type: "Strip", content: " ", start: 1, stop: 0 }] : decoders,
    },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(pieces.map((piece) => [piece.token, piece.id])),
      merges: ggml("merges").missing
        ? mergesByScore(pieces.filter((piece) => piece.type !== CONTROL && piece.type !== BYTE && piece.id !== unknown))
        : Array.from(listOf(ggml("merges"))),
      unk_token: pieces[unknown].token,
      fuse_unk: true,
      byte_fallback: true,
    },
  };
}

function isAdded(piece: GgufPiece): boolean {
  return piece.type === CONTROL || piece.type === USER_DEFINED;
}

function addedTokens(pieces: readonly GgufPiece[], takesSpaces: (piece: GgufPiece) => boolean): unknown[] {
  return pieces.filter(isAdded).map((piece) => ({
    id: piece.id,
    content: piece.token,
    special: piece.type === CONTROL,
    normalized: false,
    rstrip: takesSpaces(piece),
  }));
}
