/** Columns of attention's table of segments, see `attention` in kernels.ts. */
export const SEGMENT_COLUMNS = 6;

/** Rows that attention needs in its operands: the last one a table of segments names, plus one. */
export interface SegmentRows {
  /** Of q, out and lse. */
  queries: number;
  /** Of k and v. */
  keys: number;
}

/** @param segments i32 [count, 6] = {queryStart, queryCount, keyStart, keysBefore, parent, stride} */
export function segmentRows(segments: Int32Array): SegmentRows {
  let queries = 0;
  let keys = 0;
  for (let at = 0; at < segments.length; at += SEGMENT_COLUMNS) {
    const queryCount = segments[at + 1];
    const keyCount = segments[at + 3] + queryCount;
    const stride = segments[at + 5];
    if (queryCount > 0) queries = Math.max(queries, segments[at] + (queryCount - 1) * stride + 1);
    if (keyCount > 0) keys = Math.max(keys, segments[at + 2] + (keyCount - 1) * stride + 1);
  }
  return { queries, keys };
}
