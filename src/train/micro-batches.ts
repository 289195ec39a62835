import { type PackedSequence, packedRows } from "../model/packed-batch.ts";

/**
 * Splits sequences, in order, into micro-batches of at most `budgetRows` rows each; a sequence that is larger alone
 * gets one of its own.
 *
 * @returns ranges [begin, end) of sequences
 */
export function fillMicroBatches(sequences: readonly PackedSequence[], budgetRows: number): [number, number][] {
  const ranges: [number, number][] = [];
  let begin = 0;
  let rows = 0;
  sequences.forEach((sequence, i) => {
    const more = packedRows(sequence);
    if (i > begin && rows + more > budgetRows) {
      ranges.push([begin, i]);
      begin = i;
      rows = 0;
    }
    rows += more;
  });
  if (begin < sequences.length) ranges.push([begin, sequences.length]);
  return ranges;
}
