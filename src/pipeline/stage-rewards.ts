import { resolve } from "node:path";
import { answerFormats } from "../prompt/answer-formats.ts";
import type { PromptedAttempt } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { compareAnswers } from "../reward/answer-equivalence.ts";
import { ownReward } from "../reward/guard-reward.ts";
import { makeReward, type RewardWeight, rewardKinds } from "../reward/registry.ts";
import type { Reward } from "../reward/reward.ts";
import { isRewardFile, loadRewardFile } from "../reward/reward-file.ts";
import type { RewardContext, Similarity } from "../reward/reward-kind.ts";
import { type NamedReward, openRewards } from "../reward/stage-rewards.ts";
import type { Grading } from "../rollout/attempts.ts";
import type { Recipe } from "./recipe.ts";
import type { RewardSettings, RewardUse } from "./recipe-rewards.ts";
import type { PlannedStage } from "./stage-plan.ts";
import type { Task } from "./task.ts";

/** A reward written in TypeScript, for `runRecipe`: alone, or with what its parts count for (1 unless given). */
export type LibraryReward = Reward | { reward: Reward; weight: RewardWeight };

/** What rewards are made of, besides what a stage says of them. */
export interface RewardSetting {
  task: Task;
  settings: Recipe["task"];
  /** Rewards of whoever calls the library, beside those of the recipe. */
  further?: readonly LibraryReward[];
  /** How alike texts are; rewards that need it are refused without it. */
  similarity?: Similarity;
}

/** How a stage grades, and what each part counts for. */
export interface StageGrading {
  grading: Grading;
  weights: Record<string, number>;
}

/**
 * Loads, makes and tries the rewards of every stage that reinforces, so that what is wrong with one of them shows before
 * anything is trained.
 *
 * @returns by the stages' names
 * @throws ConfigError, RewardError as `openRewards` and `loadRewardFile`
 */
export async function openStageRewards(
  recipe: Pick<Recipe, "seed">,
  stages: readonly PlannedStage[],
  setting: RewardSetting,
): Promise<Map<string, StageGrading>> {
  const opened = new Map<string, StageGrading>();
  for (const stage of stages) {
    if (!("rewards" in stage)) continue;
    const [prompt] = setting.task.prompts("reinforcement", stage.problems, recipe.seed);
    opened.set(stage.name, await openGrading(stage.rewards, trialOf(setting.task, prompt), setting));
  }
  return opened;
}

/** `openStageRewards` of one stage. @param trial attempts that the rewards are tried on */
export async function openGrading(
  rewards: RewardSettings,
  trial: readonly PromptedAttempt[],
  setting: RewardSetting,
): Promise<StageGrading> {
  const { grading } = setting.task;
  const named = await namedRewards(rewards, setting);
  const { grade, weights } = await openRewards((scored) => grading.grade(scored), named, trial);
  const { settled } = grading;
  if (settled === undefined) return { grading: { ...grading, grade }, weights };
  // Rewards read a completion as the task's own grading does.
  const cut = (scored: readonly PromptedAttempt[]) =>
    scored.map(({ attempt, prompt }) => ({ prompt, attempt: settled(attempt) }));
  return { grading: { ...grading, grade: (scored) => grade(cut(scored)) }, weights };
}

async function namedRewards(rewards: RewardSettings, setting: RewardSetting): Promise<NamedReward[]> {
  const further = (setting.further ?? []).map((one, i) => {
    const { reward, weight } = typeof one === "function" ? { reward: one, weight: 1 } : one;
    return ownReward(reward.name || `rewards[${i}]`, reward, { weight });
  });
  if (!Array.isArray(rewards)) {
    const weights = Object.fromEntries(Object.entries(rewards).filter(([, weight]) => weight !== 0));
    return [{ name: "the recipe", weights, score: null }, ...further];
  }
  const context = contextOf(setting);
  return [...(await Promise.all(rewards.map((one) => namedReward(one, context)))), ...further];
}

async function namedReward(
  { use, weight, options, timeLimit = 60 }: RewardUse,
  context: RewardContext,
): Promise<NamedReward> {
  if (!isRewardFile(use)) return makeReward(use, rewardKinds[use].options.parse(options), weight, context);
  const reward = await loadRewardFile(resolve(use));
  return ownReward(use, reward, { options, weight, timeLimitMs: 1000 * timeLimit });
}

function contextOf({ task, settings, similarity }: RewardSetting): RewardContext {
  const { maxNewTokens, judge = compareAnswers } = task;
  const format = settings.kind === "words" ? answerFormats[settings.format] : null;
  return { format, maxNewTokens, judge, similarity };
}

/** Made-up attempts at a problem: one that gives its answer, and an empty one. */
function trialOf({ tokenizer }: Task, prompt: Prompt): PromptedAttempt[] {
  return [prompt.problem.answer, ""].map((text) => {
    const tokens = [...tokenizer.encode(text)];
    return { prompt, attempt: { tokens, logps: new Float32Array(tokens.length), stop: "eos", text } };
  });
}
