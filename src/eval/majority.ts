/** One attempt as far as voting goes. */
export interface Vote {
  /** Null does not vote. */
  answer: string | null;
  /** The grader's verdict on it; null: none. */
  correct: boolean | null;
}

/**
 * maj@n of one problem: 1 when the answer that most attempts give is right, 0 when not, and of several answers given
 * equally often the share that is right, which is what drawing one of them would give on average.
 *
 * Answers are one when the grader says so: all that are right equal the gold answer and so each other; one that is right
 * and one that is not differ; of the rest `same` tells.
 *
 * @param same whether two answers mean the same; null, when that cannot be told, counts as no
 * @returns 0 without any answer
 * @see arXiv:2203.11171 (self-consistency)
 */
export function majorityShare(votes: readonly Vote[], same: (a: string, b: string) => boolean | null): number {
  const kinds: { answer: string; correct: boolean; count: number }[] = [];
  for (const { answer, correct } of votes) {
    if (answer === null) continue;
    const right = correct === true;
    const known = kinds.find(
      (kind) => kind.correct === right && (right || kind.answer === answer || same(kind.answer, answer) === true),
    );
    if (known) known.count++;
    else kinds.push({ answer, correct: right, count: 1 });
  }
  const most = kinds.reduce((best, { count }) => Math.max(best, count), 0);
  const first = kinds.filter(({ count }) => count === most);
  return first.length === 0 ? 0 : first.filter(({ correct }) => correct).length / first.length;
}
