import { type PackedSequence, packSequences } from "../model/packed-batch.ts";
import { type Policy, scoreBatch } from "../model/policy.ts";
import type { ScoredGroup } from "../records/attempt.ts";

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
