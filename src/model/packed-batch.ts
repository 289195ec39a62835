import { type SegmentTable, segmentColumns } from "../engine/ops/attention.ts";
import type { Scope } from "../engine/scope.ts";
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
  const tokens: number[] = [];
  const positions: number[] = [];
  const segments: Segment[] = [];
  const trainedRows: number[] = [];
  const targets: number[] = [];
  for (const { prompt, completions } of sequences) {
    const parent = segments.length;
    segments.push({ start: tokens.length, length: prompt.length, stride: 1, parent: -1 });
    prompt.forEach((token, position) => {
      tokens.push(token);
      positions.push(position);
    });
    const lastPromptRow = tokens.length - 1;
    for (const completion of completions) {
      const start = tokens.length;
      if (completion.length > 1) segments.push({ start, length: completion.length - 1, stride: 1, parent });
      completion.forEach((token, i) => {
        trainedRows.push(i === 0 ? lastPromptRow : start + i - 1);
        targets.push(token);
        if (i === completion.length - 1) return;
        tokens.push(token);
        positions.push(prompt.length + i);
      });
    }
  }
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from(positions),
    segments,
    trainedRows: Int32Array.from(trainedRows),
    targets: Int32Array.from(targets),
  };
}

/** Rows that `packSequences` will make of a sequence. */
export function packedRows({ prompt, completions }: PackedSequence): number {
  return completions.reduce((rows, { length }) => rows + Math.max(0, length - 1), prompt.length);
}

/** Length of every segment's chain, itself included. */
export function chainLengths(segments: readonly Segment[]): number[] {
  const lengths: number[] = [];
  for (const { length, parent } of segments) lengths.push(length + (parent < 0 ? 0 : lengths[parent]));
  return lengths;
}

/** Uploads a table of segments whose queries are their own keys. */
export function uploadSegments(scope: Scope, segments: readonly Segment[]): SegmentTable {
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

/** Uploads what the decoder reads of a batch; valid until the scope ends. */
export function uploadRows(scope: Scope, batch: Pick<PackedBatch, "tokens" | "positions" | "segments">): DecoderRows {
  return {
    tokens: scope.upload("i32", batch.tokens),
    positions: scope.upload("i32", batch.positions),
    segments: uploadSegments(scope, batch.segments),
  };
}
