import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { DraftStore } from "../rollout/draft-store.ts";
import { learningRateAt } from "../update/schedule.ts";
import { leavingNoStepOpen } from "./clean-step.ts";
import { type OpenCurriculum, openCurriculum } from "./curriculum.ts";
import { forwardFlops } from "./flops.ts";
import { gatherGroups } from "./gather-groups.ts";
import { grpoMetrics } from "./grpo-metrics.ts";
import { type CompleteGrpoOptions, completeGrpoOptions, type GrpoTrainingOptions } from "./grpo-options.ts";
import type { GrpoRun } from "./grpo-run.ts";
import { updateOnGroups } from "./grpo-update.ts";
import type { AfterStep, StepReport } from "./hooks.ts";
import { klPenalty, nextKlCoefficient, openKlCoefficient } from "./kl-penalty.ts";
import { peakMemoryMb } from "./memory.ts";
import { stopwatch } from "./stopwatch.ts";

/**
 * Group-relative policy optimization: sample G attempts at each prompt, weigh each against its group, and raise the
 * probability of what did better. Groups without spread (every advantage 0) are left out of the update altogether: they
 * count neither in the loss's normalizer nor in its KL and entropy terms. A step without any other updates nothing. With
 * `resample`, a step draws further prompts in the place of groups without spread (dynamic sampling, arXiv:2503.14476).
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
  const curriculum = openCurriculum(prompts, complete, run.memory?.solveRates);
  const draftStore = complete.drafts ? new DraftStore() : null;
  let klCoefficient = openKlCoefficient(complete, run.memory);
  for (let step = run.firstStep; step < complete.schedule.totalSteps; step++) {
    const report = await leavingNoStepOpen(run, () =>
      grpoStep(run, step, { curriculum, draftStore, klCoefficient }, grading, complete),
    );
    klCoefficient = report.memory?.klCoefficient ?? klCoefficient;
    if ((await afterStep(report)) === "stop") return;
  }
}

async function grpoStep(
  run: GrpoRun,
  step: number,
  {
    curriculum,
    draftStore,
    klCoefficient,
  }: { curriculum: OpenCurriculum; draftStore: DraftStore | null; klCoefficient: number | undefined },
  grading: Grading,
  options: CompleteGrpoOptions,
): Promise<StepReport> {
  const { policy } = run;
  const clock = stopwatch();
  const penalty = klPenalty(run, options, klCoefficient);
  const gathered = await gatherGroups(policy, step, curriculum, grading, { ...options, draftStore }, penalty);
  const { groups, rollout } = gathered;
  const learningRate = learningRateAt(step, options.schedule);
  const update = await updateOnGroups(run, { step, groups, rollout, learningRate, klCoefficient }, options);
  policy.stepScope.end();

  const metrics = grpoMetrics({
    ...gathered,
    update,
    learningRate,
    klCoefficient,
    epoch: ((step + 1) * options.promptsPerStep) / curriculum.order.length,
    seconds: clock(),
    rolloutFlops: forwardFlops(policy.config, { rows: rollout.rowCount, entries: rollout.headRows }) + gathered.klFlops,
    peakFlops: options.peakFlops,
    peakMemoryMb: peakMemoryMb(policy.device),
  });
  const promptTokens = groups.reduce((sum, { prompt }) => sum + prompt.tokens.length, 0);
  const tokens = promptTokens * options.group + rollout.tokenCount;
  Object.assign(metrics, curriculum.learn(groups));
  const memory = {
    klCoefficient: nextKlCoefficient(klCoefficient, metrics.kl, options),
    solveRates: curriculum.memory(),
  };
  return { step, tokens, metrics, experts: rollout.experts, groups, memory };
}
