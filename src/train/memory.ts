import type { Device } from "../engine/device.ts";
import { Tape } from "../engine/tape.ts";
import type { Policy } from "../model/policy.ts";
import type { Prompt } from "../records/problem.ts";
import type { CompleteGrpoOptions } from "./grpo-options.ts";

/** f32 numbers that one row of a dense model leaves behind for backward in a rollout. */
function activationsPerRow({ config, adapter }: Pick<Policy, "config" | "adapter">): number {
  const { width, layers, heads, kvHeads, headDim, feedForward, activation } = config;
  const gated = activation === "swiglu";
  const scales = config.norm === "rms" ? 1 : 2;
  const attention = 2 * headDim * (heads + kvHeads) + heads + width;
  const products = attention + feedForward * (gated ? 2 : 1) + width;
  // With an adapter, normed rows and the activation's output are computed again.
  const cheap = adapter ? 0 : 2 * width + feedForward;
  // Both halves of an addition meet in R numbers, before and after they are scaled.
  const additions = (adapter?.modules ?? []).reduce((sum, { rank }) => sum + 2 * rank, 0);
  const ends = width + (config.finalNorm ? width + scales : 0);
  return ends + layers * (products + cheap + 2 * scales) + additions;
}

/** A sequence of up to this many times a micro-batch is a pass as it is: cutting it would compute its prompt again. */
const leeway = 2;

/** Whether a sequence has so many rows that it is cut, or where it cannot be, keeps the inputs of its layers alone. */
export const isOversized = (rows: number, microBatchTokens: number): boolean => rows > leeway * microBatchTokens;

/**
 * The tape of a training pass: beside frozen weights it computes again what is cheap to, and every block with gradient
 * checkpointing or where a single sequence is more than twice a micro-batch. Gradients are the same bits either way.
 *
 * @param rows of the pass
 */
export function trainingTape(
  { stepScope, adapter }: Policy,
  { gradientCheckpointing, microBatchTokens }: { gradientCheckpointing: boolean; microBatchTokens: number },
  rows: number,
): Tape {
  const inputsAlone = gradientCheckpointing || isOversized(rows, microBatchTokens);
  return new Tape(stepScope, { recording: true, activations: inputsAlone ? "inputs" : adapter ? "costly" : "all" });
}

/** Activations of a rollout are kept for backward up to this many bytes. */
const keepAllBytes = 2 ** 30;

/**
 * Whether a rollout should keep all its activations, so that its first update needs no forward pass: when they fit, and
 * the model is dense (a mixture's rows are computed again anyway, which is most of the pass). Decided by sizes alone:
 * the same step decides the same way when it is run again.
 */
export function roomToKeepAll(
  policy: Policy,
  prompts: readonly Prompt[],
  { group, sampling, gradientCheckpointing }: Pick<CompleteGrpoOptions, "group" | "sampling" | "gradientCheckpointing">,
): boolean {
  const { config, adapter } = policy;
  // Sampling drops nothing, so its activations are not those of a training pass with dropout.
  if (gradientCheckpointing || (adapter?.options.dropout ?? 0) > 0) return false;
  const promptRows = prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const rows = promptRows + prompts.length * group * (sampling.maxNewTokens - 1);
  return config.experts === 0 && rows * activationsPerRow(policy) * 4 <= keepAllBytes;
}

/** Most bytes of tensors a device ever held, and what it holds beside them now (scratch, packed weights), in MiB. */
export function peakMemoryMb(device: Device): number {
  return (device.memory().peakBytes + (device.overheadBytes?.() ?? 0)) / 2 ** 20;
}
