import { TrainingError } from "../base/errors.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import type { TokenLogps } from "../engine/ops/token-logps.ts";
import type { Tape } from "../engine/tape.ts";
import { type RatioRange, withRatios } from "../loss/importance.ts";
import type { PassOptions } from "../model/decoder.ts";
import { balanceLoss } from "../model/expert-use.ts";
import { type PackedSequence, packSequences, uploadRows } from "../model/packed-batch.ts";
import { entryLogps, type Policy } from "../model/policy.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { backwardPasses, forwardFlops } from "./flops.ts";
import { referenceLogps } from "./group-rows.ts";
import type { CompleteGrpoOptions } from "./grpo-options.ts";
import { correctForSampler, plannedBatch, planUpdates, type UpdatePlan } from "./grpo-plan.ts";
import type { GrpoRun } from "./grpo-run.ts";
import { trainingTape } from "./memory.ts";
import { largestGap } from "./token-arrays.ts";

/** What the updates on one rollout came to; of a rollout without live groups, nothing: zeros and nulls. */
export interface UpdateReport {
  /** Of the last update. */
  loss: number;
  /** Token sums of the loss's metrics, by micro-batch of the last update, and the tokens they run over. */
  batches: { tokens: number; sums: Record<string, number> }[];
  /** Before clipping, of the last update. */
  gradNorm: number;
  /**
   * Largest |trainer's − sampler's log-probability| of the first update, before anything changed: 0, since one engine
   * computes both and its kernels are batch-invariant. Null where the sampler's activations were taken over, since then
   * nothing was computed twice, and with an adapter's dropout, which sampling has none of.
   */
  samplerGap: number | null;
  /** Of the trained tokens, as they were cut; left out without `importance`. */
  importance?: RatioRange;
  /** The load-balancing loss of the last update, mean over rows of its micro-batches; null when it is off. */
  auxLoss: number | null;
  seconds: number;
  /** FLOPs of the forward and backward passes, the reference's included. */
  flops: number;
}

interface StepInput {
  step: number;
  groups: readonly ScoredGroup[];
  rollout: Rollout;
  learningRate: number;
  /** Takes the place of the loss's own. */
  klCoefficient?: number;
}

/** One forward pass of the policy, ready for the loss's derivatives. */
interface OpenPass {
  tape: Tape;
  entries: TokenLogps;
  routings: Routing[];
  rows: number;
}

/**
 * Updates the policy on the live groups of a rollout. The first update goes back through the activations that sampling
 * left behind, when it kept them and most of its rows are live: the log-probabilities are then the sampler's own.
 *
 * @throws TrainingError when the loss or the gradient is not finite; that update is not applied
 */
export async function updateOnGroups(
  run: Pick<GrpoRun, "policy" | "reference" | "optimizer" | "beforeUpdate">,
  input: StepInput,
  options: CompleteGrpoOptions,
): Promise<UpdateReport> {
  const began = performance.now();
  const report: UpdateReport = {
    loss: 0,
    batches: [],
    gradNorm: 0,
    samplerGap: null,
    auxLoss: null,
    seconds: 0,
    flops: 0,
  };
  const cuts = !run.policy.adapter?.options.dropout;
  const plan = planUpdates(input.groups, input.rollout, input.klCoefficient, options, { cuts });
  if (plan) {
    // A reward that KL was taken off has it already.
    const reference = options.kl?.in === "reward" ? null : run.reference;
    const refLogps = reference ? await referenceLogps(reference, plan, options.sampling) : null;
    if (reference) report.flops += forwardFlops(run.policy.config, { rows: plan.rows, entries: plan.whole.tokens });
    for (let update = 0; update < options.updatesPerRollout; update++) {
      const step = { plan, refLogps, rollout: input.rollout, first: update === 0, number: run.optimizer.steps };
      await accumulate(run.policy, step, options, report);
      await run.beforeUpdate?.(input.step);
      report.gradNorm = await run.optimizer.step(input.learningRate);
    }
  }
  report.seconds = (performance.now() - began) / 1000;
  return report;
}

/** The gradient of one update, micro-batch by micro-batch; writes what the loss came to into `report`. */
async function accumulate(
  policy: Policy,
  step: { plan: UpdatePlan; refLogps: Float64Array | null; rollout: Rollout; first: boolean; number: number },
  options: CompleteGrpoOptions,
  report: UpdateReport,
): Promise<void> {
  const { plan, rollout, first } = step;
  const adopts = plan.adopts && first;
  // With dropout the trainer's log-probabilities are not meant to be the sampler's.
  const compares = first && !adopts && !policy.adapter?.options.dropout;
  report.loss = 0;
  report.batches = [];
  report.auxLoss = null;
  let firstRow = 0;
  for (const [begin, end] of adopts ? [[0, plan.groups.length]] : plan.ranges) {
    const pass = adopts
      ? adoptPass(policy, rollout, plan, options)
      : forwardPass(policy, plan.sequences.slice(begin, end), options, {
          liveRows: plan.rows,
          dropout: { update: step.number, firstRow },
        });
    const logps = await policy.device.read(pass.entries.logps);
    const entropies = await policy.device.read(pass.entries.entropies);
    const { first: firstToken, ...known } = plannedBatch(plan, [begin, end]);
    if (compares) report.samplerGap = Math.max(report.samplerGap ?? 0, largestGap(logps, known.oldLogps));
    if (first && options.importance)
      report.importance = withRatios(report.importance, correctForSampler(known, logps, options.importance));
    const refLogps = step.refLogps?.subarray(firstToken, firstToken + logps.length) ?? null;
    const { value, dLogps, dEntropies, sums } = options.loss({ ...known, logps, entropies, refLogps }, plan.whole);
    if (!Number.isFinite(value)) throw new TrainingError(`the loss is ${value}`);
    const aux = await balanceLoss(policy.device, pass.routings);
    pass.entries.seed(dLogps, dEntropies);
    pass.tape.backward();
    policy.stepScope.end();
    report.loss += value;
    report.batches.push({ tokens: logps.length, sums });
    if (aux !== null) report.auxLoss = (report.auxLoss ?? 0) + (aux * pass.rows) / plan.rows;
    const passes = backwardPasses(policy) + (adopts ? 0 : 1);
    report.flops += forwardFlops(policy.config, { rows: pass.rows, entries: logps.length }) * passes;
    firstRow += pass.rows;
  }
}

function adoptPass(policy: Policy, rollout: Rollout, plan: UpdatePlan, options: CompleteGrpoOptions): OpenPass {
  const forward = rollout.adopt(plan.attempts);
  const { hidden, routings } = policy.decoder.forward(forward.tape, policy.weights, forward.rows, {
    balanceScale: options.balanceCoefficient / policy.config.layers,
  });
  const { temperature } = options.sampling;
  const entries = entryLogps(policy, forward.tape, hidden, { ...forward, temperature }, forward.known);
  return { tape: forward.tape, entries, routings, rows: forward.rowCount };
}

/**
 * @param liveRows rows of all micro-batches: each adds its share of rows to the load-balancing loss, whose fractions and
 * probabilities are those of its own rows
 */
function forwardPass(
  policy: Policy,
  sequences: readonly PackedSequence[],
  options: CompleteGrpoOptions,
  { liveRows, dropout }: { liveRows: number; dropout: PassOptions["dropout"] },
): OpenPass {
  const batch = packSequences(sequences);
  const rows = batch.tokens.length;
  const tape = trainingTape(policy, options, rows);
  const uploaded = uploadRows(policy.stepScope, batch, policy.config);
  const { hidden, routings } = policy.decoder.forward(tape, policy.weights, uploaded, {
    balanceScale: (options.balanceCoefficient * rows) / (liveRows * policy.config.layers),
    dropout,
  });
  const entries = entryLogps(policy, tape, hidden, { ...batch, temperature: options.sampling.temperature });
  return { tape, entries, routings, rows };
}
