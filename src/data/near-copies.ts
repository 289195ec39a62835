import type { Problem } from "../records/problem.ts";

/**
 * How two questions may be copies of each other; each is weaker than the one before:
 * - `same`: one text, apart from letter case, spaces and punctuation;
 * - `renumbered`: one text, apart from its numbers too;
 * - `reworded`: a tenth of the words or fewer put in, left out or replaced, whatever the numbers; or the same numbers, and
 *   sets of words that overlap by `MIN_OVERLAP`;
 * - `related`: sets of words that overlap as much, with other numbers: the same story asked about otherwise.
 */
export type CopyKind = "same" | "renumbered" | "reworded" | "related";

/** A test question and the training question it is a copy of. */
export interface NearCopy {
  test: Problem;
  train: Problem;
  kind: CopyKind;
}

/** What makes a training question a copy that must go. */
export const NEAR_COPY_KINDS: readonly CopyKind[] = ["same", "renumbered", "reworded"];

/** Jaccard's overlap, |A ∩ B| / |A ∪ B|, of the sets of words of two questions, numbers all taken for one word. */
const MIN_OVERLAP = 0.9;
/** Words put in, left out or replaced between two questions, of the longer one's, at most; numbers all count as one word. */
const MAX_EDITS = 0.1;
/**
 * Overlap below which pairs are not compared. e edits of a text of n distinct words leave an overlap of (n − e) / (n + e)
 * at least; with e a tenth of all words, and 1.4 times as many words as distinct ones, that is 0.75.
 */
const MIN_COMPARED = 0.75;

/** A question as it is compared. */
interface Reading {
  problem: Problem;
  /** Words and numbers in order, joined. */
  text: string;
  /** The same with `#` for each number. */
  masked: string;
  /** The words of `masked`. */
  sequence: readonly string[];
  /** Numbers in order of size as text, joined. */
  numbers: string;
  words: Set<string>;
}

/**
 * The training problems of which no test problem is a copy, and the copies that were found, each pair with its closest
 * kind. Pairs of all four kinds are found; those of `kinds` are taken out.
 */
export function withoutNearCopies(
  train: readonly Problem[],
  test: readonly Problem[],
  kinds: readonly CopyKind[] = NEAR_COPY_KINDS,
): { train: Problem[]; copies: NearCopy[] } {
  const copies = findNearCopies(train, test);
  const removed = new Set(copies.filter(({ kind }) => kinds.includes(kind)).map((copy) => copy.train));
  return { train: train.filter((problem) => !removed.has(problem)), copies };
}

/**
 * Every pair of a test and a training question that are copies, with the closest kind. Sets that overlap by t share a
 * word among the ⌊(1−t)·n⌋ + 1 rarest of each, so only pairs that do are compared (prefix filtering, Chaudhuri et al. 2006).
 */
export function findNearCopies(train: readonly Problem[], test: readonly Problem[]): NearCopy[] {
  const trained = train.map(readQuestion);
  const tested = test.map(readQuestion);
  const frequency = new Map<string, number>();
  for (const { words } of [...trained, ...tested]) {
    for (const word of words) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  }
  const rarest = ({ words }: Reading) => {
    const order = (a: string, b: string) => frequency.get(a)! - frequency.get(b)! || (a < b ? -1 : 1);
    return [...words].sort(order).slice(0, Math.floor((1 - MIN_COMPARED) * words.size + 1e-9) + 1);
  };
  const index = new Map<string, Reading[]>();
  for (const reading of trained) {
    for (const word of rarest(reading)) index.set(word, [...(index.get(word) ?? []), reading]);
  }
  return tested.flatMap((one) => {
    const candidates = new Set(rarest(one).flatMap((word) => index.get(word) ?? []));
    return [...candidates].flatMap((other) => {
      const kind = copyKind(one, other);
      return kind === null ? [] : [{ test: one.problem, train: other.problem, kind }];
    });
  });
}

/** How many distinct problems of either side have a copy of each kind on the other; a problem counts in each of its kinds. */
export function countNearCopies(copies: readonly NearCopy[]): Record<CopyKind, { train: number; test: number }> {
  const count = (kind: CopyKind) => {
    const found = copies.filter((copy) => copy.kind === kind);
    return { train: new Set(found.map(({ train }) => train)).size, test: new Set(found.map(({ test }) => test)).size };
  };
  return {
    same: count("same"),
    renumbered: count("renumbered"),
    reworded: count("reworded"),
    related: count("related"),
  };
}

function copyKind(a: Reading, b: Reading): CopyKind | null {
  if (a.text === b.text) return "same";
  if (a.masked === b.masked) return "renumbered";
  const smaller = a.words.size < b.words.size ? a.words : b.words;
  const larger = smaller === a.words ? b.words : a.words;
  let shared = 0;
  for (const word of smaller) if (larger.has(word)) shared++;
  const overlap = shared / (a.words.size + b.words.size - shared);
  if (overlap < MIN_COMPARED - 1e-9) return null;
  if (editsWithin(a.sequence, b.sequence, MAX_EDITS * Math.max(a.sequence.length, b.sequence.length)))
    return "reworded";
  if (overlap < MIN_OVERLAP - 1e-9) return null;
  return a.numbers === b.numbers ? "reworded" : "related";
}

/** Whether one list becomes the other by at most `limit` insertions, deletions and replacements (Levenshtein). */
function editsWithin(a: readonly string[], b: readonly string[], limit: number): boolean {
  if (Math.abs(a.length - b.length) > limit) return false;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    if (Math.min(...next) > limit) return false;
    row = next;
  }
  return row[b.length] <= limit;
}

function readQuestion(problem: Problem): Reading {
  const normal = problem.question.normalize("NFKC").toLowerCase();
  const tokens = normal.match(/\d+(?:,\d{3})*(?:\.\d+)?|[\p{L}\p{M}]+/gu) ?? [];
  const isNumber = (token: string) => /^\d/.test(token);
  const masked = tokens.map((token) => (isNumber(token) ? "#" : token));
  const numbers = tokens.filter(isNumber).map((number) => number.replaceAll(",", ""));
  // Without words or numbers, as in a question of signs alone, the text itself is what is compared.
  if (tokens.length === 0) masked.push(normal.trim());
  return {
    problem,
    text: tokens.length === 0 ? normal.trim() : tokens.join(" "),
    masked: masked.join(" "),
    sequence: masked,
    numbers: numbers.sort().join(" "),
    words: new Set(masked),
  };
}
