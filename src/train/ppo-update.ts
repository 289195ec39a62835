import { TrainingError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import type { CriticBatch } from "../loss/ppo.ts";
import type { LossNormalizer } from "../loss/token-batch.ts";
import { balanceLoss } from "../model/expert-use.ts";
import { type PackedSequence, packedRows, packSequences, uploadRows } from "../model/packed-batch.ts";
import { entryRows, rowLogps } from "../model/policy.ts";
import { forgetGradients } from "./clean-step.ts";
import { backwardPasses, forwardFlops } from "./flops.ts";
import type { UpdateReport } from "./grpo-update.ts";
import { trainingTape } from "./memory.ts";
import { fillMicroBatches, partsOf } from "./micro-batches.ts";
import type { WeighedAttempt } from "./ppo-experience.ts";
import { type CompletePpoOptions, lossOf } from "./ppo-options.ts";
import type { PpoRun } from "./ppo-run.ts";
import { joined, largestGap } from "./token-arrays.ts";

/** What the updates on one rollout came to; `loss`, `gradNorm` and `auxLoss` are means over them, `batches` those of all. */
export interface PpoUpdateReport extends UpdateReport {
  /** Of the value head, before clipping; mean over the updates. */
  headGradNorm: number;
  /** Updates that were applied. */
  updates: number;
}

/** A group as it is trained on. */
export interface TrainedGroup {
  packed: PackedSequence;
  attempts: readonly WeighedAttempt[];
}

/** A rollout, weighed, and what it is gone through with. */
interface RolloutInput {
  step: number;
  groups: readonly TrainedGroup[];
  learningRate: number;
  valueLearningRate: number;
}

/**
 * Goes through a rollout `updateEpochs` times, each time in another order, with an update of policy and critic for every
 * `minibatch` attempts. With `klStop` the first minibatch on which the policy is found to have moved that far ends it, and is
 * not applied.
 *
 * @throws TrainingError when the loss or a gradient is not finite; that update is not applied, to neither of them
 */
export async function updateOnExperience(
  run: PpoRun,
  input: RolloutInput,
  options: CompletePpoOptions,
): Promise<PpoUpdateReport> {
  const began = performance.now();
  const { optimizer, critic } = run;
  const sums = { ...emptyReport };
  const batches: UpdateReport["batches"] = [];
  for (const minibatch of minibatches(input, options)) {
    const found = await accumulate(run, minibatch, options, sums.updates === 0);
    sums.flops += found.flops;
    sums.samplerGap ??= found.samplerGap;
    if (options.klStop !== null && movedOn(found.batches) > options.klStop) {
      forgetGradients(run.policy.parameters);
      forgetGradients(critic.head.parameters);
      break;
    }
    await run.beforeUpdate?.(input.step);
    // Both norms are known to be finite before either is applied.
    const norm = await optimizer.gradientNorm();
    const headNorm = await critic.optimizer.gradientNorm();
    optimizer.apply(input.learningRate, norm);
    critic.optimizer.apply(input.valueLearningRate, headNorm);
    batches.push(...found.batches);
    sums.updates++;
    sums.loss += found.loss;
    sums.gradNorm += norm;
    sums.headGradNorm += headNorm;
    if (found.auxLoss !== null) sums.auxLoss = (sums.auxLoss ?? 0) + found.auxLoss;
  }
  const perUpdate = (sum: number) => (sums.updates === 0 ? 0 : sum / sums.updates);
  return {
    ...sums,
    batches,
    loss: perUpdate(sums.loss),
    gradNorm: perUpdate(sums.gradNorm),
    headGradNorm: perUpdate(sums.headGradNorm),
    auxLoss: sums.auxLoss === null ? null : perUpdate(sums.auxLoss),
    seconds: (performance.now() - began) / 1000,
  };
}

const emptyReport: Omit<PpoUpdateReport, "batches"> = {
  loss: 0,
  gradNorm: 0,
  headGradNorm: 0,
  samplerGap: null,
  auxLoss: null,
  updates: 0,
  seconds: 0,
  flops: 0,
};

/** The groups of each update: whole ones, so that their attempts share the rows of their prompt. */
function* minibatches(
  { step, groups }: RolloutInput,
  { updateEpochs, minibatch, group, seed }: CompletePpoOptions,
): Generator<TrainedGroup[]> {
  const size = minibatch / group;
  for (let epoch = 0; epoch < updateEpochs; epoch++) {
    const order = new Rng(seed, 6, step, epoch).shuffle([...groups]);
    for (let begin = 0; begin < order.length; begin += size) yield order.slice(begin, begin + size);
  }
}

/** What one minibatch came to. */
type Accumulated = Pick<UpdateReport, "loss" | "batches" | "samplerGap" | "auxLoss" | "flops">;

/** The gradient of one minibatch, micro-batch by micro-batch. */
async function accumulate(
  { policy, critic, optimizer }: PpoRun,
  minibatch: readonly TrainedGroup[],
  options: CompletePpoOptions,
  first: boolean,
): Promise<Accumulated> {
  const { device, config, stepScope } = policy;
  const loss = lossOf(options);
  // Dropout's masks go by the row: with it nothing is cut.
  const mostRows = policy.adapter?.options.dropout ? Number.POSITIVE_INFINITY : options.microBatchTokens;
  const groups = minibatch.flatMap((group) => cut(group, mostRows));
  const sequences = groups.map(({ packed }) => packed);
  const rowsOfAll = sequences.reduce((sum, sequence) => sum + packedRows(sequence), 0);
  const whole = sizesOf(groups);
  // With dropout the trainer's log-probabilities are not meant to be the sampler's.
  const compares = first && !policy.adapter?.options.dropout;
  const found: Accumulated = { loss: 0, batches: [], samplerGap: null, auxLoss: null, flops: 0 };
  let firstRow = 0;
  for (const [begin, end] of fillMicroBatches(sequences, options.microBatchTokens)) {
    const packed = packSequences(sequences.slice(begin, end));
    const rows = packed.tokens.length;
    const tape = trainingTape(policy, options, rows);
    const { hidden, routings } = policy.decoder.forward(tape, policy.weights, uploadRows(stepScope, packed, config), {
      balanceScale: (options.balanceCoefficient * rows) / (rowsOfAll * config.layers),
      dropout: { update: optimizer.steps, firstRow },
    });
    const trained = entryRows(tape, hidden, packed);
    const values = critic.head.values(tape, trained);
    const entries = rowLogps(policy, tape, trained, { ...packed, temperature: options.sampling.temperature });
    const batch: CriticBatch = {
      logps: await device.read(entries.logps),
      entropies: await device.read(entries.entropies),
      values: await device.read(values.values),
      ...entriesOf(groups.slice(begin, end)),
    };
    if (compares) found.samplerGap = Math.max(found.samplerGap ?? 0, largestGap(batch.logps, batch.oldLogps));
    const { value, dLogps, dEntropies, dValues, sums } = loss(batch, whole);
    if (!Number.isFinite(value)) throw new TrainingError(`the loss is ${value}`);
    const aux = await balanceLoss(device, routings);
    entries.seed(dLogps, dEntropies);
    values.seed(dValues);
    tape.backward();
    stepScope.end();
    found.loss += value;
    found.batches.push({ tokens: dLogps.length, sums });
    if (aux !== null) found.auxLoss = (found.auxLoss ?? 0) + (aux * rows) / rowsOfAll;
    found.flops += forwardFlops(config, { rows, entries: dLogps.length }) * (1 + backwardPasses(policy));
    firstRow += rows;
  }
  return found;
}

/** A group in parts, where it is far larger than a micro-batch. */
const cut = ({ packed, attempts }: TrainedGroup, microBatchTokens: number): TrainedGroup[] =>
  partsOf(packed, microBatchTokens).map(([begin, end]) => ({
    packed: { prompt: packed.prompt, completions: packed.completions.slice(begin, end) },
    attempts: attempts.slice(begin, end),
  }));

function sizesOf(groups: readonly TrainedGroup[]): LossNormalizer {
  const attempts = groups.flatMap((group) => group.attempts);
  return { attempts: attempts.length, tokens: attempts.reduce((sum, { returns }) => sum + returns.length, 0) };
}

/** Per-token arrays of the groups' attempts, in the order their entries are packed. */
function entriesOf(
  groups: readonly TrainedGroup[],
): Pick<CriticBatch, "oldLogps" | "refLogps" | "oldValues" | "returns" | "advantages" | "starts"> {
  const attempts = groups.flatMap((group) => group.attempts);
  const starts = [0];
  for (const { returns } of attempts) starts.push(starts[starts.length - 1] + returns.length);
  const refLogps = attempts.flatMap((attempt) => (attempt.refLogps ? [attempt.refLogps] : []));
  return {
    oldLogps: joined(attempts.map((attempt) => attempt.oldLogps)),
    refLogps: refLogps.length === attempts.length ? joined(refLogps) : null,
    oldValues: joined(attempts.map((attempt) => attempt.oldValues)),
    returns: joined(attempts.map(({ returns }) => returns)),
    advantages: joined(attempts.map(({ advantages }) => advantages)),
    starts,
  };
}

/** Token mean of KL(sampler ‖ policy). */
function movedOn(batches: UpdateReport["batches"]): number {
  const tokens = batches.reduce((sum, batch) => sum + batch.tokens, 0);
  return batches.reduce((sum, batch) => sum + batch.sums["policy/approxkl"], 0) / tokens;
}
