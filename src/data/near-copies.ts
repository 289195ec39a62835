import type { Problem } from "../records/problem.ts";

/**
 * How two questions may be copies of each other; each is weaker than the one before:
 * - `same`: one text, apart from letter case, spaces and punctuation;
 * - `renumbered`: one text, apart from its numbers too;
 * - `reworded`: the same numbers, and sets of words that overlap by `MIN_OVERLAP`;
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

/** A question as it is compared. */
interface Reading {
  problem: Problem;
  /** Words and numbers in order, joined. */
  text: string;
  /** The same with `#` for each number. */
  masked: string;
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
    return [...words].sort(order).slice(0, Math.floor((1 - MIN_OVERLAP) * words.size + 1e-9) + 1);
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
  if (shared < MIN_OVERLAP * (a.words.size + b.words.size - shared) - 1e-9) return null;
  return a.numbers === b.numbers ? "reworded" : "related";
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
    numbers: numbers.sort().join(" "),
    words: new Set(masked),
  };
}
