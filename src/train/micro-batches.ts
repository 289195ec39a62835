import { CountingDevice } from "../engine/registry.ts";
import type { LoraOptions } from "../model/adapter.ts";
import type { DecoderConfig } from "../model/config.ts";
import { decoderArrays } from "../model/definitions.ts";
import { type PackedSequence, packedRows, packSequences, uploadRows } from "../model/packed-batch.ts";
import { entryLogps, type Policy } from "../model/policy.ts";
import { countedPolicy, purposes } from "./counted-policy.ts";
import { isOversized, trainingTape } from "./memory.ts";

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

/**
 * Cuts a sequence that has far more rows than a micro-batch into parts that fit, each with the prompt and some of the
 * completions, at least one. Gradients and log-probabilities are sums over the parts; only the prompt is computed again.
 *
 * @returns ranges [begin, end) of completions, in order; one where nothing is cut
 */
export function partsOf(sequence: PackedSequence, budgetRows: number): [number, number][] {
  const { prompt, completions } = sequence;
  if (completions.length < 2 || !isOversized(packedRows(sequence), budgetRows)) return [[0, completions.length]];
  const alone = completions.map((completion) => ({ prompt: [], completions: [completion] }));
  return fillMicroBatches(alone, Math.max(1, budgetRows - prompt.length));
}

/** Sequences with those that are far too large cut into parts. Completions stay in their order. */
export const inParts = (sequences: readonly PackedSequence[], budgetRows: number): PackedSequence[] =>
  sequences.flatMap((sequence) =>
    partsOf(sequence, budgetRows).map(([begin, end]) => ({
      prompt: sequence.prompt,
      completions: sequence.completions.slice(begin, end),
    })),
  );

/** Bytes that a forward and backward pass of an automatic micro-batch may take, besides what it takes for any rows. */
const passBytes = 2 ** 30;
/** An automatic micro-batch has at most this many rows, and a multiple of `rowStep`. */
const mostRows = 8192;
const rowStep = 64;

/**
 * Rows of a micro-batch whose forward and backward pass takes 1 GiB, at most 8192: decided by the model's shape and what is
 * trained of it alone, so that a recipe gives the same bits on any machine.
 *
 * @param model lora: the adapter that is trained; null: all weights are
 */
export function automaticMicroBatch(
  { config, lora }: { config: DecoderConfig; lora: LoraOptions | null },
  options: { gradientCheckpointing: boolean },
): number {
  const device = new CountingDevice({ threads: 1, precision: "f32" });
  const frozen = lora ? decoderArrays(config).map((array) => ({ ...array, format: "f32" as const })) : null;
  const policy = countedPolicy(device, { config, frozen, lora });
  const bytesOf = (rows: number) => {
    runPass(policy, rows, options);
    return device.held[purposes.activations];
  };
  // What does not grow with the rows cancels out.
  const [few, many] = [256, 1024];
  const fewBytes = bytesOf(few);
  const perRow = (bytesOf(many) - fewBytes) / (many - few);
  return Math.max(rowStep, Math.min(mostRows, Math.floor(passBytes / perRow / rowStep) * rowStep));
}

/** A forward and backward pass over short sequences, every row trained. */
function runPass(policy: Policy, rows: number, options: { gradientCheckpointing: boolean }): void {
  const length = 16;
  const sequence = { prompt: [0], completions: [new Array<number>(length).fill(0)] };
  const batch = packSequences(new Array<PackedSequence>(rows / length).fill(sequence));
  const tape = trainingTape(policy, { ...options, microBatchTokens: rows }, rows);
  const { hidden } = policy.decoder.forward(tape, policy.weights, uploadRows(policy.stepScope, batch, policy.config), {
    dropout: { update: 0, firstRow: 0 },
  });
  const nothing = new Float32Array(rows);
  entryLogps(policy, tape, hidden, { ...batch, temperature: 1 }).seed(nothing, nothing);
  tape.backward();
  policy.stepScope.end();
}
