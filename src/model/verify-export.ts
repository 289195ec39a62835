import { CheckpointError } from "../base/errors.ts";
import { linear } from "../engine/ops/linear.ts";
import { Tape } from "../engine/tape.ts";
import { decodeWeight, encodeWeight } from "../engine/weight-formats.ts";
import { narrowBf16 } from "./formats/narrow.ts";
import type { PublishedFormat } from "./formats/safetensors-model.ts";
import { widenBf16 } from "./formats/widen.ts";
import { mergedValues } from "./merge.ts";
import { packSequences, uploadRows } from "./packed-batch.ts";
import { attachPeft } from "./peft.ts";
import { closePolicy, freezePolicy, type Policy } from "./policy.ts";
import { loadPretrained } from "./pretrained.ts";
import { placeDecoder } from "./pretrained-places.ts";
import { openPretrained } from "./pretrained-source.ts";
import { readValues } from "./pretrained-values.ts";

/** How far the logits of what was written are from those of the policy. */
export interface LogitGap {
  /** Largest difference of a logit over the deviation of all logits. */
  logitError: number;
  /** What it may be at most; null: weights or the device's operands are rounded, and what that comes to has no bound. */
  tolerance: number | null;
}

/** Rows whose logits are compared. */
const SAMPLED_ROWS = 24;

/**
 * Greatest gap between logits that differ in the order of f32 sums alone: over an adapter put in, and where all the
 * arithmetic is the same.
 */
const MERGED = 1e-3;
const SAME = 1e-5;

/**
 * Reads an adapter back that was written from a policy, puts it on the same frozen weights and compares logits.
 *
 * @throws CheckpointError when it cannot be read or gives other logits
 */
export async function verifyAdapter(policy: Policy, dir: string, modelType: string): Promise<LogitGap> {
  const frozen = freezePolicy(policy);
  let written: Policy;
  try {
    written = attachPeft(frozen, dir, { modelType, trained: false });
  } catch (error) {
    closePolicy(frozen);
    throw error;
  }
  try {
    const logitError = largestError(await sampleLogits(written), await sampleLogits(policy));
    return within(dir, "what was written gives other logits", { logitError, tolerance: SAME });
  } finally {
    closePolicy(written);
  }
}

/**
 * Reads a full checkpoint back that was written from a policy. Three things are asked of it, so that whatever a device
 * rounds, and whichever experts that moves a token to, what is right passes and what is wrong does not:
 *
 * - every tensor is bit for bit the policy's, its adapter put in, rounded to `dtype`;
 * - with the written weights, the written configuration gives the logits that the policy's own gives;
 * - where nothing is rounded, its logits are the policy's, so that adapters were put in right.
 *
 * @throws CheckpointError when it cannot be read, or naming the first tensor that is another, or when logits differ
 */
export async function verifyMerged(policy: Policy, dir: string, dtype: PublishedFormat): Promise<LogitGap> {
  await compareTensors(policy, dir, dtype);
  const { device, config, decoder } = policy;
  const context = Math.min(SAMPLED_ROWS, config.maxPositions);
  const { policy: written } = loadPretrained(device, { kind: "directory", path: dir }, { context });
  try {
    const found = await sampleLogits(written);
    const sameWeights = await sampleLogits({ ...written, config, decoder });
    within(dir, "its config.json describes another model: with the same weights it gives other logits", {
      logitError: largestError(found, sameWeights),
      tolerance: SAME,
    });
    const exact = dtype === "F32" && device.info.precision !== "bf16";
    return within(dir, "what was written gives other logits", {
      logitError: largestError(found, await sampleLogits(policy)),
      tolerance: exact ? MERGED : null,
    });
  } finally {
    closePolicy(written);
  }
}

function within(dir: string, problem: string, { logitError, tolerance }: LogitGap): LogitGap {
  // Not a number is never near.
  if (tolerance === null ? Number.isFinite(logitError) : logitError <= tolerance) return { logitError, tolerance };
  const bound = tolerance === null ? "a finite number" : `at most ${tolerance}`;
  throw new CheckpointError(
    `${dir}: ${problem}; they differ by up to ${logitError.toExponential(1)} of their deviation, expected ${bound}; ` +
      "is the base the one the policy was made from?",
  );
}

/** @throws CheckpointError naming the first tensor with another value than the policy's, rounded */
async function compareTensors(policy: Policy, dir: string, dtype: PublishedFormat): Promise<void> {
  const opened = openPretrained({ kind: "directory", path: dir });
  try {
    for (const array of placeDecoder(opened)) {
      const [stored] = array.tensors;
      const refuse = (problem: string) =>
        new CheckpointError(`${stored.path}: ${stored.name}: ${problem}; was the file changed meanwhile?`);
      if (!policy.weights.has(array.name)) throw refuse(`the policy has no ${array.name}`);
      const expected = rounded(await mergedValues(policy, array.name), dtype);
      const found = readValues(array);
      if (found.length !== expected.length)
        throw refuse(`expected ${expected.length} values of ${array.name}, got ${found.length}`);
      const at = found.findIndex((value, i) => !Object.is(value, expected[i]));
      if (at !== -1) throw refuse(`expected ${expected[at]} at ${at} of ${array.name}, got ${found[at]}`);
      for (const tensor of array.tensors) tensor.release();
    }
  } finally {
    opened.source.close();
  }
}

/** Values as they are once written in a format and read again. */
function rounded(values: Float32Array, dtype: PublishedFormat): Float32Array {
  const shape = [1, values.length];
  if (dtype === "F16") return decodeWeight("f16", encodeWeight("f16", values, shape), shape);
  return dtype === "BF16" ? widenBf16(narrowBf16(values)) : values;
}

function largestError(found: Float64Array, expected: Float64Array): number {
  let largest = 0;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(found[i] - expected[i]);
    // Not a number stays: no comparison would hold.
    if (!(error <= largest)) largest = error;
    sum += expected[i];
    squares += expected[i] ** 2;
  }
  const mean = sum / expected.length;
  return largest / Math.sqrt(squares / expected.length - mean ** 2);
}

/** Logits of a few rows of ids spread over the vocabulary, [rows · V]. */
async function sampleLogits(
  policy: Pick<Policy, "config" | "decoder" | "device" | "stepScope" | "weights">,
): Promise<Float64Array> {
  const { config, decoder, device, stepScope, weights } = policy;
  const length = Math.min(SAMPLED_ROWS, config.positions === "rotary" ? config.maxPositions : SAMPLED_ROWS);
  const ids = Array.from({ length }, (_, i) => (i * 7919 + 13) % config.vocabularySize);
  const tape = new Tape(stepScope, { recording: false });
  try {
    const batch = packSequences([{ prompt: ids, completions: [] }]);
    const { hidden } = decoder.forward(tape, weights, uploadRows(stepScope, batch, config));
    const { buffer } = linear(tape, hidden, decoder.outputHead(weights));
    return Float64Array.from(await device.read(buffer), (logit) => logit * config.logitScale);
  } finally {
    stepScope.end();
  }
}
