import { spellBytes } from "./tokenizer-bytes.ts";
import type { TokenizerField } from "./tokenizer-field.ts";
import { punctuation, readPattern, regexOf, type SplitBehavior, splitBehaviors, splitBy } from "./tokenizer-pattern.ts";

/** How a text is cut before the model sees it: no token crosses a cut. */
export interface PreTokenizer {
  /** The pieces of a text, in order; `atStart` says that nothing of the input, nor a special token, came before it. */
  split(text: string, atStart: boolean): string[];
  /** A piece as the vocabulary spells it: in the alphabet of bytes, or as it is. Put off until a piece is new. */
  spell(piece: string): string;
}

/** GPT-2's cut: contractions, words, numbers and signs with the space before them, runs of spaces. */
export const gpt2Split = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

type Stage = (pieces: readonly string[], atStart: boolean) => string[];

/**
 * The pre-tokenizer of a tokenizer.json, as huggingface/tokenizers (Rust) applies it. Written here because the
 * JavaScript library knows only ASCII in `Whitespace` and `Digits`, glues punctuation together, leaves out three of the
 * five behaviors of `Split`, and does not cut at `Metaspace`.
 *
 * @throws CheckpointError for a kind that is not known
 */
export function readPreTokenizer(field: TokenizerField): PreTokenizer {
  const kinds = stagesOf(field);
  const last = kinds.at(-1);
  const spellsLast = last?.child("type").value === "ByteLevel";
  const stages = kinds.map((kind) => readStage(kind, { spellLater: kind === last }));
  return {
    split: (text, atStart) => stages.reduce<string[]>((pieces, stage) => stage(pieces, atStart), [text]),
    spell: spellsLast ? spellBytes : (piece) => piece,
  };
}

function stagesOf(field: TokenizerField): TokenizerField[] {
  if (field.missing) return [];
  if (field.child("type").value !== "Sequence") return [field];
  return field.child("pretokenizers").items().flatMap(stagesOf);
}

function readStage(field: TokenizerField, options: { spellLater: boolean }): Stage {
  const type = field.child("type");
  switch (type.string()) {
    case "ByteLevel":
      return byteLevel(field, options.spellLater);
    case "Metaspace":
      return metaspace(field);
    case "Split": {
      const behavior = field.child("behavior").oneOf(splitBehaviors);
      return cut(readPattern(field.child("pattern")), behavior, field.child("invert").flag(false));
    }
    case "Digits":
      return cut(/\p{N}/gu, field.child("individual_digits").flag(false) ? "Isolated" : "Contiguous");
    case "Punctuation":
      return cut(new RegExp(`[${punctuation}]`, "gu"), field.child("behavior").oneOf(splitBehaviors, "Isolated"));
    case "Whitespace": {
      const word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
      return cut(new RegExp(`[${word}]+|[^${word}\\p{White_Space}]+`, "gu"), "Removed", true);
    }
    case "WhitespaceSplit":
      return cut(/\p{White_Space}/gu, "Removed");
    case "BertPreTokenizer": {
      const words = cut(/\p{White_Space}/gu, "Removed");
      const signs = cut(new RegExp(`[${punctuation}]`, "gu"), "Isolated");
      return (pieces, atStart) => signs(words(pieces, atStart), atStart);
    }
    default:
      throw type.refuse(
        "Sequence, ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit or BertPreTokenizer",
        "this pre-tokenizer is not supported; take a model whose tokenizer has one of these",
      );
  }
}

function cut(pattern: RegExp, behavior: SplitBehavior, invert = false): Stage {
  const options = { behavior, invert };
  return (pieces) => eachCut(pieces, (piece) => splitBy(piece, pattern, options));
}

/** `flatMap`, which on the hundreds of thousands of pieces of a long text takes most of the time of encoding it. */
function eachCut(pieces: readonly string[], cutPiece: (piece: string, index: number) => readonly string[]): string[] {
  const parts: string[] = [];
  for (let index = 0; index < pieces.length; index++) {
    for (const part of cutPiece(pieces[index], index)) parts.push(part);
  }
  return parts;
}

function byteLevel(field: TokenizerField, spellLater: boolean): Stage {
  const pattern = field.child("use_regex").flag(true) ? regexOf(gpt2Split) : null;
  const addsSpace = field.child("add_prefix_space").flag(true);
  return (pieces) =>
    eachCut(pieces, (piece) => {
      const text = addsSpace && !piece.startsWith(" ") ? ` ${piece}` : piece;
      const parts = pattern === null ? [text] : splitBy(text, pattern, { behavior: "Isolated", invert: false });
      return spellLater ? parts : parts.map(spellBytes);
    });
}

function metaspace(field: TokenizerField): Stage {
  const mark = field.child("replacement").string("▁");
  const older = field.child("add_prefix_space").flag(true) ? "always" : "never";
  const scheme = field.child("prepend_scheme").oneOf(["always", "first", "never"], older);
  const pattern = field.child("split").flag(true) ? new RegExp(mark, "gu") : null;
  return (pieces, atStart) =>
    eachCut(pieces, (piece, index) => {
      const marked = piece.replaceAll(" ", mark);
      const prepends = scheme === "always" || (scheme === "first" && atStart && index === 0);
      const text = prepends && !marked.startsWith(mark) ? mark + marked : marked;
      return pattern === null ? [text] : splitBy(text, pattern, { behavior: "MergedWithNext", invert: false });
    });
}
