import { mean } from "../base/statistics.ts";
import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { DraftStore } from "../rollout/draft-store.ts";
import { learningRateAt } from "../update/schedule.ts";
import { leavingNoStepOpen } from "./clean-step.ts";
import { EpochOrder } from "./epoch-order.ts";
import { forwardFlops } from "./flops.ts";
import { gatherGroups } from "./gather-groups.ts";
import { packedGroup } from "./group-rows.ts";
import type { AfterStep, StepReport } from "./hooks.ts";
import { peakMemoryMb } from "./memory.ts";
import { gatherExperience } from "./ppo-experience.ts";
import { ppoMetrics } from "./ppo-metrics.ts";
import { type CompletePpoOptions, completePpoOptions, type PpoTrainingOptions } from "./ppo-options.ts";
import type { PpoRun } from "./ppo-run.ts";
import { updateOnExperience } from "./ppo-update.ts";
import { stopwatch } from "./stopwatch.ts";

/**
 * Proximal policy optimization with a critic: sample K attempts at each prompt, value every state they went through, weigh
 * each token by how much more came of it than was expected, and go through the rollout several times, in minibatches, with
 * clipped updates of policy and critic.
 *
 * Which prompts a step sees, every random number of its sampling, and the order of its minibatches depend on the seed and
 * the step alone.
 *
 * @param afterStep called after each step, with its metrics; see `ppoMetrics`. A group's advantages are means over tokens
 * @throws ConfigError when an option is out of range or a reward weight names no part; DataError without prompts
 * @throws TrainingError when the loss or a gradient is not finite; weights are those of the last update then, and no step is
 * left open
 * @see arXiv:1707.06347; arXiv:2203.02155 §3.5 for language models
 */
export async function trainPpo(
  run: PpoRun,
  prompts: readonly Prompt[],
  grading: Grading,
  options: PpoTrainingOptions,
  afterStep: AfterStep,
): Promise<void> {
  const complete = completePpoOptions(options);
  const order = new EpochOrder(prompts, [complete.seed, 3]);
  const draftStore = complete.drafts ? new DraftStore() : null;
  for (let step = run.firstStep; step < complete.schedule.totalSteps; step++) {
    const report = await leavingNoStepOpen(run, () => ppoStep(run, step, { order, draftStore }, grading, complete));
    if ((await afterStep(report)) === "stop") return;
  }
}

async function ppoStep(
  run: PpoRun,
  step: number,
  { order, draftStore }: { order: EpochOrder<Prompt>; draftStore: DraftStore | null },
  grading: Grading,
  options: CompletePpoOptions,
): Promise<StepReport> {
  const { policy } = run;
  const { schedule, promptsPerStep, peakFlops } = options;
  const clock = stopwatch();
  const gathered = await gatherGroups(policy, step, { order, further: order }, grading, {
    ...options,
    adoptable: false,
    draftStore,
  });
  const { rollout, groups } = gathered;
  const experience = await gatherExperience(run, groups, options);
  const learningRate = learningRateAt(step, schedule);
  const valueLearningRate = learningRateAt(step, { ...schedule, learningRate: options.valueLearningRate });
  const trained = groups.map((group, p) => ({ packed: packedGroup(group), attempts: experience.attempts_PG[p] }));
  const update = await updateOnExperience(run, { step, groups: trained, learningRate, valueLearningRate }, options);

  const metrics = ppoMetrics({
    ...gathered,
    update,
    experience,
    learningRate,
    valueLearningRate,
    epoch: ((step + 1) * promptsPerStep) / order.length,
    seconds: clock(),
    rolloutFlops: forwardFlops(policy.config, { rows: rollout.rowCount, entries: rollout.headRows }) + experience.flops,
    peakFlops,
    peakMemoryMb: peakMemoryMb(policy.device),
  });
  const tokens = groups.reduce((sum, { prompt }) => sum + prompt.tokens.length, 0) * options.group + rollout.tokenCount;
  const weighed = groups.map((group, p) => ({
    ...group,
    advantages: experience.attempts_PG[p].map(({ advantages }) => mean(advantages)),
  }));
  return { step, tokens, metrics, experts: rollout.experts, groups: weighed };
}
