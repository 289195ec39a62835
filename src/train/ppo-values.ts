import { Tape } from "../engine/tape.ts";
import { type PackedSequence, packSequences, uploadRows } from "../model/packed-batch.ts";
import { entryRows, type Policy } from "../model/policy.ts";
import type { ValueHead } from "../model/value-head.ts";
import type { Attempt, ScoredGroup } from "../records/attempt.ts";
import { fillMicroBatches, inParts } from "./micro-batches.ts";

/** What a critic says of one attempt. */
export interface ValuedTokens {
  /** Value of the state before each token. */
  values: ArrayLike<number>;
  /** Value of the state after the last token; 0 where the attempt is over. */
  valueAfter: number;
}

/** A token that is never looked at: the row before it is what counts. */
const anyToken = 0;

/**
 * Values of all states of a rollout, nothing recorded.
 *
 * @param options bootstrapCut: whether an attempt that was cut goes on being worth something; microBatchTokens: rows of a
 * pass, at most
 * @returns by group and attempt
 */
export async function valueAttempts(
  policy: Policy,
  head: ValueHead,
  groups: readonly Pick<ScoredGroup, "prompt" | "attempts">[],
  { bootstrapCut, microBatchTokens }: { bootstrapCut: boolean; microBatchTokens: number },
): Promise<ValuedTokens[][]> {
  const goesOn = ({ stop }: Attempt) => bootstrapCut && stop === "length";
  const whole = groups.map(({ prompt, attempts }): PackedSequence => {
    // Entries are the states before tokens: one more token makes the state after the last one an entry.
    const completions = attempts.map((attempt) => (goesOn(attempt) ? [...attempt.tokens, anyToken] : attempt.tokens));
    return { prompt: prompt.tokens, completions };
  });
  const sequences = inParts(whole, microBatchTokens);
  const found: number[] = [];
  for (const [begin, end] of fillMicroBatches(sequences, microBatchTokens))
    for (const value of await valuesOf(policy, head, sequences.slice(begin, end))) found.push(value);
  let entry = 0;
  return groups.map(({ attempts }) =>
    attempts.map((attempt) => {
      const values = found.slice(entry, entry + attempt.tokens.length);
      entry += values.length;
      return { values, valueAfter: goesOn(attempt) ? found[entry++] : 0 };
    }),
  );
}

/** Value of every entry's state. */
async function valuesOf(
  { stepScope, decoder, weights, config, device }: Policy,
  head: ValueHead,
  sequences: readonly PackedSequence[],
): Promise<Float32Array | Float64Array> {
  const batch = packSequences(sequences);
  const tape = new Tape(stepScope, { recording: false });
  try {
    const { hidden } = decoder.forward(tape, weights, uploadRows(stepScope, batch, config));
    return (await device.read(head.values(tape, entryRows(tape, hidden, batch)).values)) as Float32Array;
  } finally {
    stepScope.end();
  }
}
