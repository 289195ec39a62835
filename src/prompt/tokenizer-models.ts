import { BytePairModel } from "./tokenizer-bpe.ts";
import type { TokenizerField } from "./tokenizer-field.ts";
import { UnigramModel } from "./tokenizer-unigram.ts";
import type { PieceModel } from "./tokenizer-vocabulary.ts";
import { WordLevelModel, WordPieceModel } from "./tokenizer-words.ts";

/**
 * The `model` of a tokenizer.json: BPE, WordPiece, WordLevel or Unigram. Files from before the `type` was written are
 * told apart by their fields, as Python does.
 *
 * @throws CheckpointError for an unknown kind or a broken vocabulary
 */
export function readModel(field: TokenizerField): PieceModel {
  const type = field.child("type");
  switch (type.missing ? kindByFields(field) : type.string()) {
    case "BPE":
      return new BytePairModel(field);
    case "WordPiece":
      return new WordPieceModel(field);
    case "WordLevel":
      return new WordLevelModel(field);
    case "Unigram":
      return new UnigramModel(field);
    default:
      throw type.refuse("BPE, WordPiece, WordLevel or Unigram");
  }
}

function kindByFields(field: TokenizerField): string {
  if (!field.child("merges").missing) return "BPE";
  if (Array.isArray(field.child("vocab").value)) return "Unigram";
  return field.child("continuing_subword_prefix").missing ? "WordLevel" : "WordPiece";
}
