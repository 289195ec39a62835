/** A token of a GGUF file. */
export interface GgufPiece {
  id: number;
  token: string;
  /** `tokenizer.ggml.token_type` */
  type: number;
  score: number;
}

/**
 * The merges that a SentencePiece vocabulary implies, best first: every way to cut a token into two tokens, by the
 * token's score, downward. SentencePiece itself joins the neighbours whose join scores highest, which is the same.
 * Equal scores: longer left part first, then longer right part, then the tokens' order in the file.
 *
 * @see `generate_merges` of transformers 5.18, whose order of equals this is
 */
export function mergesByScore(pieces: readonly GgufPiece[]): [string, string][] {
  const ids = new Map(pieces.map((piece) => [piece.token, piece.id]));
  const merges: { left: string; right: string; leftLength: number; rightLength: number; score: number }[] = [];
  for (const { token, score } of pieces) {
    const characters = Array.from(token);
    const own: typeof merges = [];
    for (let cut = 1; cut < characters.length; cut++) {
      const left = characters.slice(0, cut).join("");
      const right = characters.slice(cut).join("");
      if (!ids.has(left) || !ids.has(right)) continue;
      own.push({ left, right, leftLength: cut, rightLength: characters.length - cut, score });
    }
    own.sort((a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!);
    merges.push(...own);
  }
  merges.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength);
  return merges.map(({ left, right }) => [left, right]);
}
