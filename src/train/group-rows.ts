import { type PackedSequence, packedRows, packSequences } from "../model/packed-batch.ts";
import { type Policy, scoreBatch } from "../model/policy.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import { forwardFlops } from "./flops.ts";
import { fillMicroBatches, inParts } from "./micro-batches.ts";

/** A group as the trainer packs it: its prompt once, then its attempts. */
export const packedGroup = ({ prompt, attempts }: Pick<ScoredGroup, "prompt" | "attempts">): PackedSequence => ({
  prompt: prompt.tokens,
  completions: attempts.map(({ tokens }) => tokens),
});

/** Completion tokens of a group. */
export const countTokens = ({ attempts }: Pick<ScoredGroup, "attempts">): number =>
  attempts.reduce((sum, { tokens }) => sum + tokens.length, 0);

/**
 * Log-probabilities of all completion tokens under the frozen reference, in the order their entries are packed.
 *
 * @param ranges passes, as ranges [begin, end) of sequences
 */
export async function referenceLogps(
  reference: Policy,
  { sequences, ranges }: { sequences: readonly PackedSequence[]; ranges: readonly (readonly [number, number])[] },
  { temperature }: { temperature: number },
): Promise<Float64Array> {
  const entries = (all: readonly PackedSequence[]) =>
    all.reduce((sum, { completions }) => completions.reduce((more, { length }) => more + length, sum), 0);
  const found = new Float64Array(entries(sequences));
  let filled = 0;
  for (const [begin, end] of ranges) {
    const { logps } = await scoreBatch(reference, packSequences(sequences.slice(begin, end)), { temperature });
    found.set(logps, filled);
    filled += logps.length;
  }
  return found;
}

/**
 * The same for whole groups, cut into attempts.
 *
 * @param options microBatchTokens: rows of one pass, at most; the sampling temperature is also the reference's
 * @returns with the tokens there are, and the FLOPs of the passes
 */
export async function referenceOfGroups(
  reference: Policy,
  groups: readonly Pick<ScoredGroup, "prompt" | "attempts">[],
  { microBatchTokens, sampling }: { microBatchTokens: number; sampling: { temperature: number } },
): Promise<{ refLogps_PG: Float64Array[][]; tokens: number; flops: number }> {
  const sequences = inParts(groups.map(packedGroup), microBatchTokens);
  const ranges = fillMicroBatches(sequences, microBatchTokens);
  const found = await referenceLogps(reference, { sequences, ranges }, sampling);
  let end = 0;
  const refLogps_PG = groups.map(({ attempts }) =>
    attempts.map(({ tokens }) => {
      const begin = end;
      end += tokens.length;
      return found.subarray(begin, end);
    }),
  );
  const rows = sequences.reduce((sum, sequence) => sum + packedRows(sequence), 0);
  return { refLogps_PG, tokens: end, flops: forwardFlops(reference.config, { rows, entries: end }) };
}
