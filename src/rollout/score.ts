import { ConfigError } from "../base/errors.ts";
import { type PackedSequence, packedRows, packSequences } from "../model/packed-batch.ts";
import { type Policy, scoreBatch } from "../model/policy.ts";

/** What the distribution over each token of a sequence was. */
export interface SequenceScore {
  /** logps[i]: log-probability of token i + 1 after those before it; one less than the sequence has tokens. */
  logps: Float32Array | Float64Array;
  /** Entropy of the same distribution, nats. */
  entropies: Float32Array | Float64Array;
}

/**
 * Log-probability of every token of every sequence after its first, which nothing precedes.
 *
 * @param sequences token ids; of one with fewer than two there is nothing to score
 * @param options temperature divides the logits, default 1; budgetTokens: rows of one forward pass, at most, but at least
 * one sequence, default 2048; onProgress is called with the number of sequences that are done
 * @throws ConfigError when an option is out of range
 * @throws ShapeError when an id is not in the vocabulary or a sequence is longer than the model's positions
 */
export async function scoreSequences(
  policy: Policy,
  sequences: readonly (readonly number[])[],
  {
    temperature = 1,
    budgetTokens = 2048,
    onProgress = () => {},
  }: { temperature?: number; budgetTokens?: number; onProgress?: (done: number) => void } = {},
): Promise<SequenceScore[]> {
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new ConfigError(`score: temperature: expected a number above 0, got ${temperature}`);
  if (!Number.isInteger(budgetTokens) || budgetTokens < 1)
    throw new ConfigError(`score: budgetTokens: expected a whole number from 1, got ${budgetTokens}`);
  const scores: SequenceScore[] = [];
  for (let begin = 0; begin < sequences.length; begin = scores.length) {
    const packed: PackedSequence[] = [];
    let rows = 0;
    while (begin + packed.length < sequences.length) {
      const next = toPacked(sequences[begin + packed.length]);
      rows += packedRows(next);
      if (packed.length > 0 && rows > budgetTokens) break;
      packed.push(next);
    }
    scores.push(...(await scoreSome(policy, packed, temperature)));
    onProgress(scores.length);
  }
  return scores;
}

async function scoreSome(policy: Policy, packed: PackedSequence[], temperature: number): Promise<SequenceScore[]> {
  const scored = packed.filter(({ completions }) => completions.length > 0);
  const { logps, entropies } =
    scored.length > 0
      ? await scoreBatch(policy, packSequences(scored), { temperature })
      : { logps: new Float32Array(0), entropies: new Float32Array(0) };
  let end = 0;
  return packed.map(({ completions }) => {
    const begin = end;
    end += completions[0]?.length ?? 0;
    return { logps: logps.slice(begin, end), entropies: entropies.slice(begin, end) };
  });
}

/** The first token as a prompt, which is not scored, and the rest behind it; nothing of what has no rest. */
const toPacked = (ids: readonly number[]): PackedSequence =>
  ids.length < 2 ? { prompt: [], completions: [] } : { prompt: ids.slice(0, 1), completions: [ids.slice(1)] };
