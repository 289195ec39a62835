import { ShapeError } from "../../../base/errors.ts";
import type { Operand, Operands } from "./operand.ts";

/** Integers per row of the segment table: queryStart, queryCount, keyStart, keysBefore, parent, stride. */
const SEGMENT_WIDTH = 6;

interface Segment {
  queryStart: number;
  queryCount: number;
  stride: number;
  /** Rows of k and v along the chain, root first, own keys last. A key's index here is its position. */
  keyRows: Int32Array;
  /** The index of query 0's own key, so query i sees the keys 0 … firstPosition + i. */
  firstPosition: number;
}

/**
 * Reads the table, parents before children, and lays out each segment's keys along its chain.
 * @throws ShapeError when a parent does not precede its child, or a row lies outside the queryRows or keyRows there are
 */
function readSegments(table: Operand, count: number, queryRows: number, keyRows: number): Segment[] {
  const segments: Segment[] = [];
  for (let s = 0; s < count; s++) {
    const [queryStart, queryCount, keyStart, keysBefore, parent, stride] = table.subarray(
      s * SEGMENT_WIDTH,
      (s + 1) * SEGMENT_WIDTH,
    );
    const keys = keysBefore + queryCount;
    if (queryCount > 0) requireRow(`query of segment ${s}`, queryStart + (queryCount - 1) * stride, queryRows);
    if (keys > 0) requireRow(`key of segment ${s}`, keyStart + (keys - 1) * stride, keyRows);
    if (parent >= s) {
      throw new ShapeError(`attention: a parent must precede its children, got parent ${parent} for segment ${s}`);
    }
    const inherited = parent < 0 ? new Int32Array(0) : segments[parent].keyRows;
    const chain = new Int32Array(inherited.length + keys);
    chain.set(inherited);
    for (let j = 0; j < keys; j++) chain[inherited.length + j] = keyStart + j * stride;
    segments.push({ queryStart, queryCount, stride, keyRows: chain, firstPosition: inherited.length + keysBefore });
  }
  return segments;
}

function requireRow(what: string, last: number, rows: number): void {
  if (last < rows) return;
  throw new ShapeError(`attention: the last ${what} must be one of ${rows} rows, got row ${last}; check the table`);
}

/** out = softmax(scale · q·k − slope · distance) · v per query and head, in segments and their ancestors; keeps lse. */
export function attention(operands: Operands<"attention">): void {
  const { q, k, v, segments, slopes, out, lse, count, heads, kvHeads, headDim, scale, maxKeys } = operands;
  const weights = new Float64Array(maxKeys);
  const keyWidth = kvHeads * headDim;
  for (const segment of readSegments(segments, count, q.length / (heads * headDim), k.length / keyWidth)) {
    const { keyRows } = segment;
    if (keyRows.length > maxKeys) {
      throw new ShapeError(
        `attention: maxKeys must bound every chain, got ${maxKeys} for a chain of ${keyRows.length}`,
      );
    }
    for (let i = 0; i < segment.queryCount; i++) {
      const row = segment.queryStart + i * segment.stride;
      const position = segment.firstPosition + i;
      for (let h = 0; h < heads; h++) {
        const kvHead = Math.floor((h * kvHeads) / heads);
        const slope = slopes ? slopes[h] : 0;
        const at = (row * heads + h) * headDim;
        let max = -Infinity;
        for (let j = 0; j <= position; j++) {
          const keyAt = (keyRows[j] * kvHeads + kvHead) * headDim;
          let product = 0;
          for (let d = 0; d < headDim; d++) product += q[at + d] * k[keyAt + d];
          weights[j] = scale * product - slope * (position - j);
          max = Math.max(max, weights[j]);
        }
        let total = 0;
        for (let j = 0; j <= position; j++) total += Math.exp(weights[j] - max);
        const logTotal = max + Math.log(total);
        out.fill(0, at, at + headDim);
        for (let j = 0; j <= position; j++) {
          const weight = Math.exp(weights[j] - logTotal);
          const valueAt = (keyRows[j] * kvHeads + kvHead) * headDim;
          for (let d = 0; d < headDim; d++) out[at + d] += weight * v[valueAt + d];
        }
        lse[row * heads + h] = logTotal;
      }
    }
  }
}

/**
 * With p = exp(score − lse) and δ = dOut · out: dV += p · dOut, dScore = p · (dOut · v − δ), dQ += scale · dScore · k,
 * dK += scale · dScore · q. Rows in no segment get zeros.
 * @see arXiv:2307.08691 algorithm 2
 */
export function attentionBackward(operands: Operands<"attentionBackward">): void {
  const { dOut, q, k, v, out, lse, segments, slopes, dQ, dK, dV } = operands;
  const { rows, count, heads, kvHeads, headDim, scale } = operands;
  dQ.fill(0, 0, rows * heads * headDim);
  dK.fill(0, 0, rows * kvHeads * headDim);
  dV.fill(0, 0, rows * kvHeads * headDim);
  for (const segment of readSegments(segments, count, rows, rows)) {
    for (let i = 0; i < segment.queryCount; i++) {
      const row = segment.queryStart + i * segment.stride;
      const position = segment.firstPosition + i;
      for (let h = 0; h < heads; h++) {
        const kvHead = Math.floor((h * kvHeads) / heads);
        const slope = slopes ? slopes[h] : 0;
        const at = (row * heads + h) * headDim;
        let delta = 0;
        for (let d = 0; d < headDim; d++) delta += dOut[at + d] * out[at + d];
        for (let j = 0; j <= position; j++) {
          const keyAt = (segment.keyRows[j] * kvHeads + kvHead) * headDim;
          let product = 0;
          let dWeight = 0;
          for (let d = 0; d < headDim; d++) {
            product += q[at + d] * k[keyAt + d];
            dWeight += dOut[at + d] * v[keyAt + d];
          }
          const weight = Math.exp(scale * product - slope * (position - j) - lse[row * heads + h]);
          const dProduct = scale * weight * (dWeight - delta);
          for (let d = 0; d < headDim; d++) {
            dQ[at + d] += dProduct * k[keyAt + d];
            dK[keyAt + d] += dProduct * q[at + d];
            dV[keyAt + d] += weight * dOut[at + d];
          }
        }
      }
    }
  }
}
