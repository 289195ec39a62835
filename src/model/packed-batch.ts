import { ShapeError } from "../base/errors.ts";
import { type SegmentTable, segmentColumns } from "../engine/ops/attention.ts";
import type { Scope } from "../engine/scope.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecoderRows } from "./decoder.ts";

/** A run of rows in a batch: `length` rows from `start`, `stride` apart, after those of `parent` (−1: none). */
export interface Segment {
  start: number;
  length: number;
  stride: number;
  parent: number;
}

/** Rows without padding. A completion's parent is its prompt, so a group carries its prompt once. */
export interface PackedBatch {
  tokens: Int32Array;
  /** Along each chain of segments, from 0 at its root. */
  positions: Int32Array;
  /** Parents before their children. */
  segments: Segment[];
  /** Trained entries: row trainedRows[i] predicts targets[i]. Rows may repeat: a prompt's last row starts every attempt. */
  trainedRows: Int32Array;
  targets: Int32Array;
}

/** A prompt and completions that follow it, as token ids. */
export interface PackedSequence {
  prompt: readonly number[];
  completions: readonly (readonly number[])[];
}

/**
 * Packs sequences into rows: each prompt once, then its completions less their last token, which nothing follows.
 * Entries are ordered by sequence, completion, token: every completion token is trained, no prompt token is.
 */
export function packSequences(sequences: readonly PackedSequence[]): PackedBatch {
  let rows = 0;
  let entries = 0;
  for (const sequence of sequences) {
    rows += packedRows(sequence);
    for (const { length } of sequence.completions) entries += length;
  }
  const tokens = new Int32Array(rows);
  const positions = new Int32Array(rows);
  const trainedRows = new Int32Array(entries);
  const targets = new Int32Array(entries);
  const segments: Segment[] = [];
  let row = 0;
  let entry = 0;
  for (const { prompt, completions } of sequences) {
    const parent = segments.length;
    segments.push({ start: row, length: prompt.length, stride: 1, parent: -1 });
    for (let i = 0; i < prompt.length; i++, row++) {
      tokens[row] = prompt[i];
      positions[row] = i;
    }
    const lastPromptRow = row - 1;
    for (const completion of completions) {
      const start = row;
      const followed = completion.length - 1;
      if (followed > 0) segments.push({ start, length: followed, stride: 1, parent });
      for (let i = 0; i <= followed; i++, entry++) {
        trainedRows[entry] = i === 0 ? lastPromptRow : start + i - 1;
        targets[entry] = completion[i];
      }
      for (let i = 0; i < followed; i++, row++) {
        tokens[row] = completion[i];
        positions[row] = prompt.length + i;
      }
    }
  }
  return { tokens, positions, segments, trainedRows, targets };
}

/** Rows that `packSequences` will make of a sequence. */
export function packedRows({ prompt, completions }: PackedSequence): number {
  let rows = prompt.length;
  for (const { length } of completions) rows += Math.max(0, length - 1);
  return rows;
}

/** Length of every segment's chain, itself included. */
function chainLengths(segments: readonly Segment[]): number[] {
  const lengths: number[] = [];
  for (const { length, parent } of segments) lengths.push(length + (parent < 0 ? 0 : lengths[parent]));
  return lengths;
}

/** Uploads a table of segments whose queries are their own keys. */
function uploadSegments(scope: Scope, segments: readonly Segment[]): SegmentTable {
  const table = new Int32Array(segments.length * segmentColumns);
  segments.forEach(({ start, length, parent, stride }, i) => {
    table.set([start, length, start, 0, parent, stride], i * segmentColumns);
  });
  return {
    buffer: scope.upload("i32", table),
    count: segments.length,
    maxKeys: chainLengths(segments).reduce((longest, length) => Math.max(longest, length), 0),
  };
}

/** What bounds the indices of a batch. */
export type RowLimits = Pick<DecoderConfig, "vocabularySize" | "positions" | "maxPositions">;

/**
 * Uploads what the decoder reads of a batch; valid until the scope ends.
 *
 * @throws ShapeError when a token is not in the vocabulary or a rotary position lies outside its table: the kernels would
 * read past their arrays
 */
export function uploadRows(
  scope: Scope,
  batch: Pick<PackedBatch, "tokens" | "positions" | "segments">,
  limits: RowLimits,
): DecoderRows {
  requireBelow("token", batch.tokens, limits.vocabularySize);
  if (limits.positions === "rotary") requireBelow("position", batch.positions, limits.maxPositions);
  return {
    tokens: scope.upload("i32", batch.tokens),
    positions: scope.upload("i32", batch.positions),
    segments: uploadSegments(scope, batch.segments),
  };
}

/** @throws ShapeError naming the first value that is not in [0, limit) */
export function requireBelow(what: string, values: ArrayLike<number>, limit: number): void {
  for (let i = 0; i < values.length; i++)
    if (!(values[i] >= 0 && values[i] < limit))
      throw new ShapeError(
        `packed rows: every ${what} must be in [0, ${limit}), got ${values[i]} at place ${i}; ` +
          "do the ids come from the model's tokenizer, and does its maxPositions cover prompt and completion?",
      );
}
