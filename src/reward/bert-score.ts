import { ShapeError } from "../base/errors.ts";

/** A text as its tokens' contextual embeddings. */
export interface EmbeddedText {
  /** [L, D], one row a token, each of length 1 (see `toUnitRows`). */
  readonly vectors: Float32Array;
  /** [L]: what each token weighs in the mean over its text, from 0 on; 0 leaves it out of the mean, not of the matching. */
  readonly weights: Float64Array;
}

/** How alike two texts are; each part at most 1. */
export interface BertScore {
  /** How well the candidate's tokens are found in the reference. */
  precision: number;
  /** How well the reference's tokens are found in the candidate. */
  recall: number;
  /** Their harmonic mean. */
  f1: number;
}

/**
 * BERTScore: every token is matched with the most similar one of the other text,
 * P = Σ_i w_i max_j x_i·y_j / Σ w over the candidate's tokens x_i, R the same over the reference's y_j, F1 = 2PR / (P + R).
 * A text none of whose tokens weighs anything scores 0 throughout, as does F1 where P + R is 0.
 *
 * Equal to Python's bert-score 0.3, but that a best similarity below 0 counts as it is: there it counts as 0 when the pair
 * was padded to the length of others in its batch.
 *
 * @throws ShapeError when the rows of the two texts are not of one width
 * @see arXiv:1904.09675 eq. 1-3 and "Importance Weighting"
 */
export function bertScore(candidate: EmbeddedText, reference: EmbeddedText): BertScore {
  const total = { candidate: sum(candidate.weights), reference: sum(reference.weights) };
  if (!(total.candidate > 0 && total.reference > 0)) return { precision: 0, recall: 0, f1: 0 };
  const best = greedyMatches(candidate, reference);
  const precision = weightedSum(best.ofCandidate, candidate.weights) / total.candidate;
  const recall = weightedSum(best.ofReference, reference.weights) / total.reference;
  const both = precision + recall;
  return { precision, recall, f1: both === 0 ? 0 : (2 * precision * recall) / both };
}

/** The largest cosine of each token with any of the other text. */
function greedyMatches(candidate: EmbeddedText, reference: EmbeddedText) {
  const width = rowWidth(candidate, reference);
  const { vectors: x } = candidate;
  const { vectors: y } = reference;
  const ofCandidate = new Float64Array(candidate.weights.length).fill(-Infinity);
  const ofReference = new Float64Array(reference.weights.length).fill(-Infinity);
  const see = (i: number, j: number, cosine: number) => {
    if (cosine > ofCandidate[i]) ofCandidate[i] = cosine;
    if (cosine > ofReference[j]) ofReference[j] = cosine;
  };
  // Two rows by two: each number that is read serves two products, which is twice as fast as one by one.
  const lastI = ofCandidate.length - 1;
  const lastJ = ofReference.length - 1;
  for (let i = 0; i <= lastI; i += 2) {
    const nextI = Math.min(i + 1, lastI);
    const a = i * width;
    const b = nextI * width;
    for (let j = 0; j <= lastJ; j += 2) {
      const nextJ = Math.min(j + 1, lastJ);
      const c = j * width;
      const d = nextJ * width;
      let ac = 0;
      let ad = 0;
      let bc = 0;
      let bd = 0;
      for (let k = 0; k < width; k++) {
        const xa = x[a + k];
        const xb = x[b + k];
        const yc = y[c + k];
        const yd = y[d + k];
        ac += xa * yc;
        ad += xa * yd;
        bc += xb * yc;
        bd += xb * yd;
      }
      see(i, j, ac);
      see(i, nextJ, ad);
      see(nextI, j, bc);
      see(nextI, nextJ, bd);
    }
  }
  return { ofCandidate, ofReference };
}

function rowWidth(candidate: EmbeddedText, reference: EmbeddedText): number {
  const [own, other] = [candidate, reference].map(({ vectors, weights }) => vectors.length / weights.length);
  if (Number.isInteger(own) && own === other) return own;
  throw new ShapeError(
    `bertScore: expected one row a token and rows of one width, got ${candidate.vectors.length} numbers of ` +
      `${candidate.weights.length} tokens and ${reference.vectors.length} of ${reference.weights.length}; embed both with one encoder`,
  );
}

/**
 * Divides every row by its length, in place; a row of zeros stays as it is.
 *
 * @param rows [L, width]
 */
export function toUnitRows(rows: Float32Array, width: number): Float32Array {
  for (let begin = 0; begin < rows.length; begin += width) {
    let squares = 0;
    for (let at = begin; at < begin + width; at++) squares += rows[at] * rows[at];
    if (squares === 0) continue;
    const inverse = 1 / Math.sqrt(squares);
    for (let at = begin; at < begin + width; at++) rows[at] *= inverse;
  }
  return rows;
}

/**
 * What a token weighs by how few documents have it: idf(t) = ln((N + 1) / (n_t + 1)), n_t of N documents having t. Tokens of
 * every document, such as `[CLS]` and `[SEP]`, weigh 0.
 *
 * @param documents token ids of each, special tokens included
 * @see arXiv:1904.09675 "Importance Weighting", with plus-one smoothing as in bert-score
 */
export function inverseDocumentFrequency(documents: readonly (readonly number[])[]): (token: number) => number {
  const counts = new Map<number, number>();
  for (const document of documents)
    for (const token of new Set(document)) counts.set(token, (counts.get(token) ?? 0) + 1);
  return (token) => Math.log((documents.length + 1) / ((counts.get(token) ?? 0) + 1));
}

/**
 * Stretches scores so that the baseline, what texts without relation score, is 0 and a perfect match stays 1:
 * (s − b) / (1 − b), part by part; below the baseline the result is negative.
 *
 * @param baseline each part below 1
 * @see arXiv:1904.09675 "Baseline Rescaling"
 */
export function rescaleScore(score: BertScore, baseline: BertScore): BertScore {
  const rescale = (value: number, floor: number) => (value - floor) / (1 - floor);
  return {
    precision: rescale(score.precision, baseline.precision),
    recall: rescale(score.recall, baseline.recall),
    f1: rescale(score.f1, baseline.f1),
  };
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

const weightedSum = (values: Float64Array, weights: Float64Array): number =>
  values.reduce((total, value, i) => total + value * weights[i], 0);
