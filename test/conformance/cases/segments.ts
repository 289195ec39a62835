import { type CaseBuffer, integers } from "../case.ts";

/** One row of the segment table of `attention`; what is left out is 0, no parent, or a stride of 1. */
export interface SegmentRow {
  queryStart?: number;
  queryCount: number;
  keyStart?: number;
  keysBefore?: number;
  parent?: number;
  stride?: number;
}

/** The table of a call, with the sizes that follow from it. */
export interface SegmentTable {
  segments: CaseBuffer;
  count: number;
  /** Rows of q and of k that the segments reach. */
  queryRows: number;
  keyRows: number;
  /** The longest chain. */
  maxKeys: number;
}

export function segmentTable(rows: readonly SegmentRow[]): SegmentTable {
  const table: number[] = [];
  const chains: number[] = [];
  let [queryRows, keyRows] = [0, 0];
  for (const { queryStart = 0, queryCount, keyStart = 0, keysBefore = 0, parent = -1, stride = 1 } of rows) {
    table.push(queryStart, queryCount, keyStart, keysBefore, parent, stride);
    const keys = keysBefore + queryCount;
    chains.push(keys + (parent < 0 ? 0 : chains[parent]));
    if (queryCount > 0) queryRows = Math.max(queryRows, queryStart + (queryCount - 1) * stride + 1);
    if (keys > 0) keyRows = Math.max(keyRows, keyStart + (keys - 1) * stride + 1);
  }
  return { segments: integers(table), count: rows.length, queryRows, keyRows, maxKeys: Math.max(...chains) };
}

/** Segments laid one after the other, as in training: [length, parent] each. */
export function packed(...segments: [length: number, parent?: number][]): SegmentRow[] {
  let start = 0;
  return segments.map(([queryCount, parent = -1]) => {
    const row = { queryStart: start, queryCount, keyStart: start, parent };
    start += queryCount;
    return row;
  });
}
