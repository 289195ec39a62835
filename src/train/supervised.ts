import { TrainingError } from "../base/errors.ts";
import { Tape } from "../engine/tape.ts";
import { supervisedLoss } from "../loss/supervised.ts";
import { packSequences, uploadRows } from "../model/packed-batch.ts";
import { entryLogps, type Policy } from "../model/policy.ts";
import type { Demonstration } from "../records/problem.ts";
import type { AdamW } from "../update/adamw.ts";
import { learningRateAt, type ScheduleOptions } from "../update/schedule.ts";
import { itemsAt } from "./epoch-order.ts";
import { ExpertCounter } from "./expert-use.ts";
import { forwardFlops } from "./flops.ts";
import type { AfterStep } from "./hooks.ts";
import { fillMicroBatches } from "./micro-batches.ts";

export interface SupervisedOptions {
  schedule: ScheduleOptions;
  /** Demonstrations per optimizer step. */
  batchSize: number;
  /** Rows of one forward and backward pass, at most; a step accumulates as many as it needs. */
  microBatchTokens: number;
  /** Weight of the load-balancing loss of mixtures. */
  balanceCoefficient: number;
  seed: number;
  /** Measured rate of the processor for `perf/mfu`, FLOP/s. */
  peakFlops: number;
}

/**
 * Supervised training on demonstrations: cross-entropy of the completion tokens, epoch after epoch, each in its own
 * shuffled order. Which demonstrations a step sees depends on the seed and the step alone, so training can start again
 * at any step.
 *
 * @param run firstStep: the step to start at, 0 unless resumed
 * @throws TrainingError when the loss or the gradient is not finite; weights are those of the last step then
 */
export async function trainSupervised(
  { policy, optimizer, firstStep }: { policy: Policy; optimizer: AdamW; firstStep: number },
  demonstrations: readonly Demonstration[],
  options: SupervisedOptions,
  afterStep: AfterStep,
): Promise<void> {
  for (let step = firstStep; step < options.schedule.totalSteps; step++) {
    const began = performance.now();
    const learningRate = learningRateAt(step, options.schedule);
    const examples = itemsAt(demonstrations, step, { count: options.batchSize, seed: [options.seed, 2] });
    const { rows, tokens, experts, ...sums } = await accumulate(policy, examples, options, step);
    const gradNorm = await optimizer.step(learningRate);
    const seconds = (performance.now() - began) / 1000;
    const metrics = {
      loss: sums.loss,
      mean_token_logp: sums.logp / tokens,
      entropy: sums.entropy / tokens,
      grad_norm: gradNorm,
      learning_rate: learningRate,
      epoch: (step * options.batchSize) / demonstrations.length,
      step_time: seconds,
      "perf/tokens_per_second": rows / seconds,
      "perf/mfu": (3 * rows * forwardFlops(policy.config)) / seconds / options.peakFlops,
    };
    if ((await afterStep({ step, tokens, metrics, experts, groups: [] })) === "stop") return;
  }
}

/** Forward and backward over a step's demonstrations, micro-batch by micro-batch; gradients add up. */
async function accumulate(
  policy: Policy,
  examples: readonly Demonstration[],
  options: SupervisedOptions,
  step: number,
): Promise<{
  loss: number;
  logp: number;
  entropy: number;
  rows: number;
  tokens: number;
  experts: ReturnType<ExpertCounter["summary"]>;
}> {
  const { stepScope, device } = policy;
  const sequences = examples.map(({ prompt, completion }) => ({ prompt: prompt.tokens, completions: [completion] }));
  const tokens = examples.reduce((sum, { completion }) => sum + completion.length, 0);
  const ranges = fillMicroBatches(sequences, options.microBatchTokens);
  const counter = new ExpertCounter();
  const sums = { loss: 0, logp: 0, entropy: 0, rows: 0 };
  for (const [begin, end] of ranges) {
    const batch = packSequences(sequences.slice(begin, end));
    const tape = new Tape(stepScope, { recording: true });
    const balanceScale = (options.balanceCoefficient * batch.targets.length) / (tokens * policy.config.layers);
    const { hidden, routings } = policy.decoder.forward(tape, policy.parameters, uploadRows(stepScope, batch), {
      balanceScale,
    });
    const entries = entryLogps(policy, tape, hidden, { ...batch, temperature: 1 });
    const logps = await device.read(entries.logps);
    const entropies = await device.read(entries.entropies);
    const { value, dLogps } = supervisedLoss(logps, tokens);
    if (!Number.isFinite(value)) throw new TrainingError(`the loss of step ${step} is ${value}`);
    await counter.add(device, routings);
    entries.seed(dLogps, new Float64Array(logps.length));
    tape.backward();
    stepScope.end();
    sums.loss += value;
    sums.rows += batch.tokens.length;
    for (let i = 0; i < logps.length; i++) {
      sums.logp += logps[i];
      sums.entropy += entropies[i];
    }
  }
  return { ...sums, tokens, experts: counter.summary() };
}
