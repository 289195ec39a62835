import type { TokenizerField } from "./tokenizer-field.ts";

/** Ids of one piece of text. */
export interface PieceModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** @throws DataError when the piece cannot be written in the vocabulary */
  encode(piece: string): number[];
}

/** A vocabulary written as `{"token": id}`. */
export function readVocabulary(field: TokenizerField): Map<string, number> {
  const vocabulary = new Map<string, number>();
  for (const [token, id] of Object.entries(field.object())) {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= 1 << 24) field.child(token).id();
    vocabulary.set(token, id as number);
  }
  if (vocabulary.size === 0) throw field.refuse("at least one token");
  return vocabulary;
}

/** The id of the model's `unk_token`. */
export function unknownId(field: TokenizerField, vocabulary: ReadonlyMap<string, number>): number {
  const unknown = field.child("unk_token");
  const id = vocabulary.get(unknown.string());
  if (id === undefined) throw unknown.refuse("a token of the vocabulary");
  return id;
}
