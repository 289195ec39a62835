import { TrainingError } from "../base/errors.ts";
import { supervisedLoss } from "../loss/supervised.ts";
import { balanceLoss, ExpertCounter } from "../model/expert-use.ts";
import { packedRows, packSequences, uploadRows } from "../model/packed-batch.ts";
import { entryLogps, type Policy } from "../model/policy.ts";
import type { ExpertUse } from "../records/events.ts";
import type { Demonstration } from "../records/problem.ts";
import { learningRateAt, type ScheduleOptions } from "../update/schedule.ts";
import { leavingNoStepOpen } from "./clean-step.ts";
import { EpochOrder } from "./epoch-order.ts";
import { backwardPasses, forwardFlops } from "./flops.ts";
import type { GrpoRun } from "./grpo-run.ts";
import type { AfterStep } from "./hooks.ts";
import { peakMemoryMb, trainingTape } from "./memory.ts";
import { fillMicroBatches } from "./micro-batches.ts";

/** Everything supervised training is told, besides the model and the demonstrations. */
export interface SupervisedOptions {
  schedule: ScheduleOptions;
  /** Demonstrations per optimizer step; default 64. */
  batchSize?: number;
  /** Rows of one forward and backward pass, at most; a step accumulates as many as it needs. Default 8192. */
  microBatchTokens?: number;
  /** Compute each block again on the way back instead of keeping its activations; default false. */
  gradientCheckpointing?: boolean;
  /** Weight of the load-balancing loss of mixtures; default 0.01. */
  balanceCoefficient?: number;
  /** Default 0. */
  seed?: number;
  /** Measured rate of the processor, FLOP/s (see `measurePeakFlops`); without it `perf/mfu` is left out. */
  peakFlops?: number | null;
}

/**
 * Supervised training on demonstrations: cross-entropy of the completion tokens, epoch after epoch, each in its own
 * shuffled order. Which demonstrations a step sees depends on the seed and the step alone, so training can start again
 * at any step.
 *
 * Metrics are TRL's: `mean_token_logp` and `entropy` are means over the trained tokens; `perf/tokens_per_second` counts
 * prompt and completion tokens; `perf/peak_memory_mb` as `peakMemoryMb`; `aux_loss` as `balanceLoss`, absent when off.
 *
 * @param run firstStep: the step to start at, 0 unless resumed
 * @throws DataError without demonstrations
 * @throws TrainingError when the loss or the gradient is not finite; weights are those of the last step then, and no step
 * is left open
 */
export async function trainSupervised(
  run: Pick<GrpoRun, "policy" | "optimizer" | "firstStep" | "beforeUpdate">,
  demonstrations: readonly Demonstration[],
  options: SupervisedOptions,
  afterStep: AfterStep,
): Promise<void> {
  const { schedule, batchSize = 64, seed = 0, peakFlops = null } = options;
  const { policy, optimizer } = run;
  const order = new EpochOrder(demonstrations, [seed, 2]);
  for (let step = run.firstStep; step < schedule.totalSteps; step++) {
    const began = performance.now();
    const examples = order.at(step, batchSize);
    const learningRate = learningRateAt(step, schedule);
    const { sums, gradNorm } = await leavingNoStepOpen(run, async () => {
      const sums = await accumulate(policy, examples, options, optimizer.steps);
      await run.beforeUpdate?.(step);
      return { sums, gradNorm: await optimizer.step(learningRate) };
    });
    const seconds = (performance.now() - began) / 1000;
    const tokens = examples.reduce((sum, { prompt, completion }) => sum + prompt.tokens.length + completion.length, 0);
    const metrics: Record<string, number> = {
      loss: sums.loss,
      mean_token_logp: sums.logp / sums.entries,
      entropy: sums.entropy / sums.entries,
      grad_norm: gradNorm,
      learning_rate: learningRate,
      epoch: ((step + 1) * batchSize) / demonstrations.length,
      step_time: seconds,
      "perf/tokens_per_second": tokens / seconds,
      "perf/peak_memory_mb": peakMemoryMb(policy.device),
    };
    if (sums.auxLoss !== null) metrics.aux_loss = sums.auxLoss;
    if (peakFlops !== null)
      metrics["perf/mfu"] = ((1 + backwardPasses(policy)) * forwardFlops(policy.config, sums)) / seconds / peakFlops;
    if ((await afterStep({ step, tokens, metrics, experts: sums.experts, groups: [] })) === "stop") return;
  }
}

/** What a step's forward passes came to; sums over its trained entries. */
interface StepSums {
  loss: number;
  logp: number;
  entropy: number;
  entries: number;
  rows: number;
  /** Mean over rows of the micro-batches; null when the load-balancing loss is off. */
  auxLoss: number | null;
  experts: ExpertUse[];
}

/**
 * Forward and backward over a step's demonstrations, micro-batch by micro-batch; gradients add up. Each micro-batch adds
 * its share of rows to the load-balancing loss, whose fractions and probabilities are those of its own rows.
 */
async function accumulate(
  policy: Policy,
  examples: readonly Demonstration[],
  { microBatchTokens = 8192, balanceCoefficient = 0.01, gradientCheckpointing = false }: SupervisedOptions,
  update: number,
): Promise<StepSums> {
  const { stepScope, device, config } = policy;
  const sequences = examples.map(({ prompt, completion }) => ({ prompt: prompt.tokens, completions: [completion] }));
  const rows = sequences.reduce((sum, sequence) => sum + packedRows(sequence), 0);
  const entries = examples.reduce((sum, { completion }) => sum + completion.length, 0);
  const counter = new ExpertCounter();
  const sums = { loss: 0, logp: 0, entropy: 0, auxLoss: null as number | null };
  let firstRow = 0;
  for (const [begin, end] of fillMicroBatches(sequences, microBatchTokens)) {
    const batch = packSequences(sequences.slice(begin, end));
    const share = batch.tokens.length / rows;
    const tape = trainingTape(policy, { gradientCheckpointing, microBatchTokens }, batch.tokens.length);
    const uploaded = uploadRows(stepScope, batch, config);
    const { hidden, routings } = policy.decoder.forward(tape, policy.weights, uploaded, {
      balanceScale: (balanceCoefficient * share) / config.layers,
      dropout: { update, firstRow },
    });
    firstRow += batch.tokens.length;
    const found = entryLogps(policy, tape, hidden, { ...batch, temperature: 1, entropiesTrained: false });
    const logps = await device.read(found.logps);
    const entropies = await device.read(found.entropies);
    const { value, dLogps } = supervisedLoss(logps, entries);
    if (!Number.isFinite(value)) throw new TrainingError(`the loss is ${value}`);
    await counter.add(device, routings);
    const aux = await balanceLoss(device, routings);
    found.seed(dLogps, new Float64Array(logps.length));
    tape.backward();
    stepScope.end();
    sums.loss += value;
    if (aux !== null) sums.auxLoss = (sums.auxLoss ?? 0) + aux * share;
    for (let i = 0; i < logps.length; i++) {
      sums.logp += logps[i];
      sums.entropy += entropies[i];
    }
  }
  return { ...sums, rows, entries, experts: counter.summary() };
}
