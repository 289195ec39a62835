import type { TokenizerField } from "./tokenizer-field.ts";
import { readPattern } from "./tokenizer-pattern.ts";

/** What happens to a text before it is cut: Unicode forms, case, replaced spaces. */
export type Normalizer = (text: string) => string;

/**
 * The normalizer of a tokenizer.json, as huggingface/tokenizers (Rust) applies it. Written here because the JavaScript
 * library lowercases Σ by its context, pads no CJK character above U+FFFF and prepends to an empty text.
 *
 * @throws CheckpointError for a kind that is not known; `Precompiled` (SentencePiece's map of characters) is one
 */
export function readNormalizer(field: TokenizerField): Normalizer {
  if (field.missing) return (text) => text;
  const type = field.child("type");
  switch (type.string()) {
    case "Sequence": {
      const stages = field.child("normalizers").items().map(readNormalizer);
      return (text) => stages.reduce((now, stage) => stage(now), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = type.string();
      return (text) => text.normalize(form);
    }
    case "Lowercase":
      return lowercase;
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Strip":
      return strip(field.child("strip_left").flag(true), field.child("strip_right").flag(true));
    case "Prepend": {
      const prefix = field.child("prepend").string();
      return (text) => (text === "" ? "" : prefix + text);
    }
    case "Replace": {
      const pattern = readPattern(field.child("pattern"));
      const content = field.child("content").string();
      return (text) => text.replace(pattern, () => content);
    }
    case "BertNormalizer":
      return bert(field);
    default:
      throw type.refuse(
        "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace or BertNormalizer",
        "this normalizer is not supported; take a model whose tokenizer has one of these",
      );
  }
}

/** Character by character: Σ becomes σ wherever it stands, where `toLowerCase` of a whole word ends it in ς. */
function lowercase(text: string): string {
  const lowered = text.toLowerCase();
  if (!text.includes("Σ")) return lowered;
  return Array.from(text, (character) => character.toLowerCase()).join("");
}

function strip(left: boolean, right: boolean): Normalizer {
  return (text) => {
    const begun = left ? text.replace(/^\p{White_Space}+/u, "") : text;
    return right ? begun.replace(/\p{White_Space}+$/u, "") : begun;
  };
}

/** The blocks of CJK ideographs that BERT sets apart with spaces. */
const ideograph =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu;

function bert(field: TokenizerField): Normalizer {
  const clean = field.child("clean_text").flag(true);
  const separate = field.child("handle_chinese_chars").flag(true);
  const lower = field.child("lowercase").flag(true);
  const stripAccents = field.child("strip_accents").flag(lower);
  return (text) => {
    let now = text;
    if (clean) {
      now = now.replace(/(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\uFFFD]/gu, "").replace(/\p{White_Space}/gu, " ");
    }
    if (separate) now = now.replace(ideograph, " $& ");
    if (stripAccents) now = now.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lower ? lowercase(now) : now;
  };
}
