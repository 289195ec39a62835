import { groupAdvantages, hasSpread } from "../advantage/group.ts";
import type { Policy } from "../model/policy.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { weighReward } from "../reward/reward.ts";
import { type Grading, toAttempt } from "../rollout/attempts.ts";
import { type Rollout, sampleAttempts } from "../rollout/rollout.ts";
import type { AdamW } from "../update/adamw.ts";
import { learningRateAt } from "../update/schedule.ts";
import { itemsAt } from "./epoch-order.ts";
import { forwardFlops } from "./flops.ts";
import { grpoMetrics } from "./grpo-metrics.ts";
import type { GrpoTrainingOptions } from "./grpo-options.ts";
import { updateOnGroups } from "./grpo-update.ts";
import type { AfterStep } from "./hooks.ts";
import { roomToKeepAll } from "./memory.ts";

/**
 * Group-relative policy optimization: sample G attempts at each prompt, weigh each against its group, and raise the
 * probability of what did better. Groups without spread teach nothing and are left out.
 *
 * Which prompts a step sees, and every random number of its sampling, depend on the seed and the step alone.
 *
 * @param run reference: the frozen start KL is measured against, null when beta is 0; firstStep: 0 unless resumed
 * @throws TrainingError when the loss or the gradient is not finite; weights are those of the last update then
 * @see arXiv:2402.03300
 */
export async function trainGrpo(
  run: { policy: Policy; reference: Policy | null; optimizer: AdamW; firstStep: number },
  prompts: readonly Prompt[],
  grading: Grading,
  options: GrpoTrainingOptions,
  afterStep: AfterStep,
): Promise<void> {
  const { policy } = run;
  for (let step = run.firstStep; step < options.schedule.totalSteps; step++) {
    const began = performance.now();
    const chosen = itemsAt(prompts, step, { count: options.promptsPerStep, seed: [options.seed, 3] });

    const rollout = await sampleAttempts(
      policy,
      chosen.map(({ tokens }) => tokens),
      {
        ...options.sampling,
        group: options.group,
        eosId: grading.eosId,
        seed: options.seed,
        streams: chosen.map((_, i) => step * options.promptsPerStep + i),
        keeping: roomToKeepAll(policy, chosen, options) ? "all" : "keys",
      },
    );
    const rolloutSeconds = (performance.now() - began) / 1000;

    const groups = scoreGroups(chosen, rollout, grading, options);
    const live = groups.flatMap((group, g) => (hasSpread(group.rewards) ? [g] : []));

    const learningRate = learningRateAt(step, options.schedule);
    const update = await updateOnGroups(run, { groups, live, rollout, learningRate, step }, options);
    policy.stepScope.end();

    const seconds = (performance.now() - began) / 1000;
    const rolloutFlops = rollout.rowCount * forwardFlops(policy.config);
    const outcome = { groups, live, rollout, update, learningRate, rolloutSeconds, rolloutFlops, seconds };
    const metrics = grpoMetrics(outcome, options);
    const report = { step, tokens: rollout.tokenCount, metrics, experts: update.experts, groups };
    if ((await afterStep(report)) === "stop") return;
  }
}

/** Grades every attempt, weighs its parts into a reward, and sets each reward against its group. */
function scoreGroups(
  prompts: readonly Prompt[],
  rollout: Rollout,
  grading: Grading,
  { rewardWeights, scale }: GrpoTrainingOptions,
): ScoredGroup[] {
  const graded = prompts.map((prompt, p) => {
    const attempts = rollout.attempts[p].map((sampled) => toAttempt(sampled, grading));
    const parts = attempts.map((attempt) => grading.grade(attempt, prompt));
    return { prompt, attempts, parts, rewards: parts.map((named) => weighReward(named, rewardWeights)) };
  });
  const advantages = groupAdvantages(
    graded.map(({ rewards }) => rewards),
    { scale },
  );
  return graded.map((group, p) => ({ ...group, advantages: advantages[p] }));
}
