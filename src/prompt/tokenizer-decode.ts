import { fallbackByte, readSpelledBytes } from "./tokenizer-bytes.ts";
import type { TokenizerField } from "./tokenizer-field.ts";
import { readPattern } from "./tokenizer-pattern.ts";

/** Tokens, as the vocabulary writes them, to the parts of a text. */
type Decoder = (tokens: readonly string[]) => string[];

const encoder = new TextEncoder();
/** A broken character is U+FFFD, and a byte-order mark is a character like any other. */
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * The decoder of a tokenizer.json, as huggingface/tokenizers (Rust) applies it: tokens to text. Without one, tokens
 * are joined by spaces.
 *
 * @throws CheckpointError for a kind that is not known
 */
export function readDecoder(field: TokenizerField): (tokens: readonly string[]) => string {
  if (field.missing) return (tokens) => tokens.join(" ");
  const decode = readStage(field);
  return (tokens) => decode(tokens).join("");
}

function readStage(field: TokenizerField): Decoder {
  const type = field.child("type");
  switch (type.string()) {
    case "Sequence": {
      const stages = field.child("decoders").items().map(readStage);
      return (tokens) => stages.reduce<string[]>((now, stage) => stage(now), [...tokens]);
    }
    case "ByteLevel":
      return byteLevel;
    case "ByteFallback":
      return byteFallback;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Replace": {
      const pattern = readPattern(field.child("pattern"));
      const content = field.child("content").string();
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
    }
    case "Strip":
      return strip(field.child("content").string(), field.child("start").number(0), field.child("stop").number(0));
    case "Metaspace":
      return metaspace(field);
    case "WordPiece":
      return wordPiece(field.child("prefix").string("##"), field.child("cleanup").flag(true));
    case "BPEDecoder": {
      const suffix = field.child("suffix").string("</w>");
      return (tokens) => tokens.map((token, index) => token.replaceAll(suffix, index === tokens.length - 1 ? "" : " "));
    }
    default:
      throw type.refuse(
        "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, WordPiece or BPEDecoder",
        "this decoder is not supported; take a model whose tokenizer has one of these",
      );
  }
}

/** A token outside the alphabet of bytes, such as an added one, stands for its own UTF-8 bytes. */
function byteLevel(tokens: readonly string[]): string[] {
  const bytes: number[] = [];
  for (const token of tokens) {
    for (const byte of readSpelledBytes(token) ?? encoder.encode(token)) bytes.push(byte);
  }
  return [lenient.decode(Uint8Array.from(bytes))];
}

/** A run of byte tokens that is not UTF-8 as a whole is one U+FFFD per byte. */
function byteFallback(tokens: readonly string[]): string[] {
  const parts: string[] = [];
  let run: number[] = [];
  const endRun = (): void => {
    if (run.length === 0) return;
    try {
      parts.push(strict.decode(Uint8Array.from(run)));
    } catch {
      parts.push(...run.map(() => "\uFFFD"));
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = fallbackByte(token);
    if (byte === null) {
      endRun();
      parts.push(token);
    } else run.push(byte);
  }
  endRun();
  return parts;
}

function strip(content: string, start: number, stop: number): Decoder {
  return (tokens) =>
    tokens.map((token) => {
      const characters = Array.from(token);
      let begin = 0;
      while (begin < Math.min(start, characters.length) && characters[begin] === content) begin++;
      let end = characters.length;
      while (end > 0 && characters.length - end < stop && characters[end - 1] === content) end--;
      return characters.slice(begin, Math.max(begin, end)).join("");
    });
}

/** Marks are spaces again, but for those of the first token, which stand for the space that encoding put there. */
function metaspace(field: TokenizerField): Decoder {
  const mark = field.child("replacement").string("▁");
  const older = field.child("add_prefix_space").flag(true) ? "always" : "never";
  const prepended = field.child("prepend_scheme").string(older) !== "never";
  return (tokens) => tokens.map((token, index) => token.replaceAll(mark, index === 0 && prepended ? "" : " "));
}

function wordPiece(prefix: string, cleanup: boolean): Decoder {
  return (tokens) =>
    tokens.map((token, index) => {
      let part = token;
      if (index > 0) part = token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return cleanup ? tidy(part) : part;
    });
}

/** English spacing, replacement by replacement in the order of huggingface/tokenizers. */
function tidy(text: string): string {
  const tidied = [" .", " ?", " !", " ,"].reduce((now, sign) => now.replaceAll(sign, sign.slice(1)), text);
  return tidied
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" do not", " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}
