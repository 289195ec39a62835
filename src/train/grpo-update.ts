import { TrainingError } from "../base/errors.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import type { TokenLogps } from "../engine/ops/token-logps.ts";
import { Tape } from "../engine/tape.ts";
import { grpoLoss } from "../loss/grpo.ts";
import type { TokenBatch } from "../loss/token-batch.ts";
import { type PackedSequence, packedRows, packSequences, uploadRows } from "../model/packed-batch.ts";
import { entryLogps, type Policy, scoreBatch } from "../model/policy.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { ExpertUse } from "../records/events.ts";
import type { Rollout } from "../rollout/rollout.ts";
import type { AdamW } from "../update/adamw.ts";
import { ExpertCounter } from "./expert-use.ts";
import { forwardFlops } from "./flops.ts";
import type { GrpoTrainingOptions } from "./grpo-options.ts";
import { fillMicroBatches } from "./micro-batches.ts";

/** What the updates on one rollout came to. */
export interface UpdateReport {
  loss: number;
  /** Token sums of the loss's terms over the last update. */
  sums: Record<string, number>;
  /** Tokens those sums run over. */
  tokens: number;
  gradNorm: number;
  /**
   * Largest |trainer's − sampler's log-probability| of the first update, before anything changed: 0, since one engine
   * computes both and its kernels are batch-invariant.
   */
  samplerGap: number;
  seconds: number;
  /** FLOPs of the forward and backward passes, the reference's included. */
  flops: number;
  experts: ExpertUse[];
}

interface StepInput {
  groups: readonly ScoredGroup[];
  /** Indices of the groups with spread. */
  live: readonly number[];
  rollout: Rollout;
  learningRate: number;
  step: number;
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
 */
export async function updateOnGroups(
  { policy, reference, optimizer }: { policy: Policy; reference: Policy | null; optimizer: AdamW },
  { groups, live, rollout, learningRate, step }: StepInput,
  options: GrpoTrainingOptions,
): Promise<UpdateReport> {
  const began = performance.now();
  const report: UpdateReport = {
    loss: 0,
    sums: {},
    tokens: 0,
    gradNorm: 0,
    samplerGap: 0,
    seconds: 0,
    flops: 0,
    experts: [],
  };
  if (live.length === 0) return { ...report, seconds: (performance.now() - began) / 1000 };

  const perRow = forwardFlops(policy.config);
  const { temperature } = options.sampling;
  const liveGroups = live.map((g) => groups[g]);
  const sequences = liveGroups.map(toSequence);
  const ranges = fillMicroBatches(sequences, options.microBatchTokens);
  const whole = {
    attempts: liveGroups.reduce((sum, { attempts }) => sum + attempts.length, 0),
    tokens: liveGroups.reduce((sum, group) => sum + countTokens(group), 0),
  };
  report.tokens = whole.tokens;
  const liveRows = sequences.reduce((sum, sequence) => sum + packedRows(sequence), 0);
  const adopts = rollout.keptAll && liveRows >= adoptAbove * rollout.rowCount;

  const refLogps = reference
    ? await referenceLogps(reference, sequences, ranges, { tokens: whole.tokens, temperature })
    : null;
  if (reference) report.flops += liveRows * perRow;

  for (let update = 0; update < options.updatesPerRollout; update++) {
    const counter = new ExpertCounter();
    report.loss = 0;
    report.sums = {};
    const parts = adopts && update === 0 ? ([[0, liveGroups.length]] as [number, number][]) : ranges;
    let entriesBefore = 0;
    for (const [begin, end] of parts) {
      const pass =
        adopts && update === 0
          ? adoptPass(policy, rollout, live, options)
          : forwardPass(policy, sequences.slice(begin, end), options, liveRows);
      const logps = await policy.device.read(pass.entries.logps);
      const entropies = await policy.device.read(pass.entries.entropies);
      const part = liveGroups.slice(begin, end);
      const batch: TokenBatch = {
        logps,
        entropies,
        ...entriesOf(part),
        refLogps: refLogps?.subarray(entriesBefore, entriesBefore + logps.length) ?? null,
      };
      if (update === 0)
        for (let i = 0; i < logps.length; i++)
          report.samplerGap = Math.max(report.samplerGap, Math.abs(logps[i] - batch.oldLogps[i]));
      const { value, dLogps, dEntropies, sums } = grpoLoss(batch, options.loss, whole);
      if (!Number.isFinite(value)) throw new TrainingError(`the loss of step ${step} is ${value}`);
      await counter.add(policy.device, pass.routings);
      pass.entries.seed(dLogps, dEntropies);
      pass.tape.backward();
      policy.stepScope.end();
      report.loss += value;
      for (const [name, sum] of Object.entries(sums)) report.sums[name] = (report.sums[name] ?? 0) + sum;
      report.flops += pass.rows * perRow * (adopts && update === 0 ? 2 : 3);
      entriesBefore += logps.length;
    }
    report.gradNorm = await optimizer.step(learningRate);
    report.experts = counter.summary();
  }
  report.seconds = (performance.now() - began) / 1000;
  return report;
}

/** Going back over all rows without a forward pass beats both over the live ones from this share of live rows on. */
const adoptAbove = 2 / 3;

function adoptPass(policy: Policy, rollout: Rollout, live: readonly number[], options: GrpoTrainingOptions): OpenPass {
  const attempts = live.flatMap((g) => Array.from({ length: options.group }, (_, i) => g * options.group + i));
  const forward = rollout.adopt(attempts);
  const { hidden, routings } = policy.decoder.forward(forward.tape, policy.parameters, forward.rows, {
    balanceScale: options.balanceCoefficient / policy.config.layers,
  });
  const { temperature } = options.sampling;
  const entries = entryLogps(policy, forward.tape, hidden, { ...forward, temperature }, forward.known);
  return { tape: forward.tape, entries, routings, rows: forward.rowCount };
}

function forwardPass(
  policy: Policy,
  sequences: readonly PackedSequence[],
  options: GrpoTrainingOptions,
  liveRows: number,
): OpenPass {
  const batch = packSequences(sequences);
  const tape = new Tape(policy.stepScope, { recording: true });
  const rows = batch.tokens.length;
  const { hidden, routings } = policy.decoder.forward(tape, policy.parameters, uploadRows(policy.stepScope, batch), {
    balanceScale: (options.balanceCoefficient * rows) / (liveRows * policy.config.layers),
  });
  const entries = entryLogps(policy, tape, hidden, { ...batch, temperature: options.sampling.temperature });
  return { tape, entries, routings, rows };
}

/** Log-probabilities of all live entries, `tokens` of them, under the frozen reference. */
async function referenceLogps(
  reference: Policy,
  sequences: readonly PackedSequence[],
  ranges: readonly [number, number][],
  { tokens, temperature }: { tokens: number; temperature: number },
): Promise<Float64Array> {
  const all = new Float64Array(tokens);
  let filled = 0;
  for (const [begin, end] of ranges) {
    const { logps } = await scoreBatch(reference, packSequences(sequences.slice(begin, end)), { temperature });
    all.set(logps, filled);
    filled += logps.length;
  }
  return all;
}

const toSequence = ({ prompt, attempts }: ScoredGroup): PackedSequence => ({
  prompt: prompt.tokens,
  completions: attempts.map(({ tokens }) => tokens),
});

const countTokens = ({ attempts }: ScoredGroup) => attempts.reduce((sum, { tokens }) => sum + tokens.length, 0);

/** Per-token arrays of the groups' attempts, in the order their entries are packed. */
function entriesOf(groups: readonly ScoredGroup[]): Pick<TokenBatch, "oldLogps" | "advantages" | "starts"> {
  const tokens = groups.reduce((sum, group) => sum + countTokens(group), 0);
  const oldLogps = new Float64Array(tokens);
  const advantages = new Float64Array(tokens);
  const starts = [0];
  let filled = 0;
  for (const { attempts, advantages: weights } of groups)
    attempts.forEach(({ logps }, i) => {
      oldLogps.set(logps, filled);
      advantages.fill(weights[i], filled, filled + logps.length);
      filled += logps.length;
      starts.push(filled);
    });
  return { oldLogps, advantages, starts };
}
