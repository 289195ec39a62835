import { ShapeError } from "../base/errors.ts";
import type { Policy } from "../model/policy.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { weighReward } from "../reward/reward.ts";
import { type Grading, toAttempt } from "../rollout/attempts.ts";
import { type Rollout, sampleAttempts } from "../rollout/rollout.ts";
import type { AdamW } from "../update/adamw.ts";
import { learningRateAt } from "../update/schedule.ts";
import { leavingNoStepOpen } from "./clean-step.ts";
import { EpochOrder } from "./epoch-order.ts";
import { forwardFlops } from "./flops.ts";
import { grpoMetrics } from "./grpo-metrics.ts";
import { type CompleteGrpoOptions, completeGrpoOptions, type GrpoTrainingOptions } from "./grpo-options.ts";
import { updateOnGroups } from "./grpo-update.ts";
import type { AfterStep, StepReport } from "./hooks.ts";
import { peakMemoryMb, roomToKeepAll } from "./memory.ts";

/** What GRPO trains: the policy, the frozen start KL is measured against (null: none), its optimizer, where to begin. */
export interface GrpoRun {
  policy: Policy;
  reference: Policy | null;
  optimizer: AdamW;
  /** 0 unless resumed. */
  firstStep: number;
}

/**
 * Group-relative policy optimization: sample G attempts at each prompt, weigh each against its group, and raise the
 * probability of what did better. Groups without spread (every advantage 0) are left out of the update altogether: they
 * count neither in the loss's normalizer nor in its KL and entropy terms. A step without any other updates nothing.
 *
 * Which prompts a step sees, and every random number of its sampling, depend on the seed and the step alone.
 *
 * @param afterStep called after each step, with its metrics; see `grpoMetrics`
 * @throws ConfigError when a sampling option is out of range or a reward weight names no part; DataError without prompts;
 * ShapeError when `advantages` returns another shape than it was given
 * @throws TrainingError when the loss or the gradient is not finite; weights are those of the last update then, and no
 * step is left open
 * @see arXiv:2402.03300
 */
export async function trainGrpo(
  run: GrpoRun,
  prompts: readonly Prompt[],
  grading: Grading,
  options: GrpoTrainingOptions,
  afterStep: AfterStep,
): Promise<void> {
  const complete = completeGrpoOptions(options);
  const order = new EpochOrder(prompts, [complete.seed, 3]);
  for (let step = run.firstStep; step < complete.schedule.totalSteps; step++) {
    const report = await leavingNoStepOpen(run, () => grpoStep(run, step, order, grading, complete));
    if ((await afterStep(report)) === "stop") return;
  }
}

async function grpoStep(
  run: GrpoRun,
  step: number,
  order: EpochOrder<Prompt>,
  grading: Grading,
  options: CompleteGrpoOptions,
): Promise<StepReport> {
  const { policy } = run;
  const { promptsPerStep, group } = options;
  const clock = stopwatch();
  const chosen = order.at(step, promptsPerStep);
  const rollout = await sampleAttempts(
    policy,
    chosen.map(({ tokens }) => tokens),
    {
      ...options.sampling,
      group,
      eosId: grading.eosId,
      seed: options.seed,
      streams: chosen.map((_, i) => step * promptsPerStep + i),
      keeping: roomToKeepAll(policy, chosen, options) ? "all" : "keys",
    },
  );
  const rolloutSeconds = clock();

  const groups = scoreGroups(chosen, rollout, grading, options);
  const live = groups.flatMap(({ advantages }, g) => (advantages.some((advantage) => advantage !== 0) ? [g] : []));
  const scoreSeconds = clock() - rolloutSeconds;

  const learningRate = learningRateAt(step, options.schedule);
  const update = await updateOnGroups(run, { groups, live, rollout, learningRate }, options);
  policy.stepScope.end();

  const metrics = grpoMetrics({
    groups,
    rollout,
    update,
    learningRate,
    epoch: ((step + 1) * promptsPerStep) / order.length,
    rolloutSeconds,
    scoreSeconds,
    seconds: clock(),
    rolloutFlops: forwardFlops(policy.config, { rows: rollout.rowCount, entries: rollout.tokenCount }),
    peakFlops: options.peakFlops,
    peakMemoryMb: peakMemoryMb(policy.device),
  });
  const promptTokens = chosen.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return { step, tokens: promptTokens * group + rollout.tokenCount, metrics, experts: rollout.experts, groups };
}

/** Grades every attempt, weighs its parts into a reward, and sets each reward against its group. */
function scoreGroups(
  prompts: readonly Prompt[],
  rollout: Rollout,
  grading: Grading,
  options: CompleteGrpoOptions,
): ScoredGroup[] {
  const graded = prompts.map((prompt, p) => {
    const attempts = rollout.attempts[p].map((sampled) => toAttempt(sampled, grading));
    const parts = attempts.map((attempt) => grading.grade(attempt, prompt));
    return { prompt, attempts, parts, rewards: parts.map((named) => weighReward(named, options.rewardWeights)) };
  });
  const advantages = options.advantages(graded.map(({ rewards }) => rewards));
  for (const [p, { rewards }] of graded.entries())
    if (advantages[p]?.length !== rewards.length)
      throw new ShapeError(
        `advantages: expected one number for each reward, ${rewards.length} for prompt ${p}, got ${advantages[p]?.length ?? "none"}`,
      );
  return graded.map((group, p) => ({ ...group, advantages: advantages[p] }));
}

/** Seconds since it was made. */
function stopwatch(): () => number {
  const began = performance.now();
  return () => (performance.now() - began) / 1000;
}
