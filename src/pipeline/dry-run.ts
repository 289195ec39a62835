import { CountingDevice } from "../engine/registry.ts";
import { headWeights } from "../model/value-head.ts";
import { formatCount, formatValue } from "../report/format.ts";
import { countedPolicy } from "../train/counted-policy.ts";
import { checkMemory, type PlannedRun } from "./memory-check.ts";
import { openTask } from "./open-task.ts";
import { isReinforcement, type Recipe } from "./recipe.ts";
import { remarksOnTraining } from "./remarks.ts";
import { measuredPrompts, type PlannedStage, planStages } from "./stage-plan.ts";
import { openStageRewards } from "./stage-rewards.ts";
import { grpoOptions, ppoOptions, supervisedOptions } from "./training-options.ts";

/**
 * What `runRecipe` would do, without doing any of it: stages with their steps, what is trained, what is not used of the
 * data, and the memory it takes. A model or a data set of the hub is fetched; no weights are read.
 *
 * @param say called with one part after the other, the memory last
 * @throws ConfigError when the run would not fit into memory; RewardError when a reward cannot be used; DataError, CheckpointError as `runRecipe`
 */
export async function planRecipe(recipe: Recipe, say: (text: string) => void): Promise<void> {
  const { task: whole, store, remarks } = await openTask(recipe);
  const model = store.plan();
  const plan = planStages(recipe, whole, model);
  const run: PlannedRun = { recipe, stages: plan.stages, task: plan.task, model };
  for (const stage of run.stages) say(inWords(run, stage));
  const rewards = await openStageRewards(recipe, plan.stages, {
    task: plan.task,
    settings: recipe.task,
    // No model is opened, so texts are not compared.
    similarity: async (pairs) => pairs.map(() => 0),
  });
  for (const [stage, { weights }] of rewards) say(`${stage}: reward = ${sumInWords(weights)}`);
  const policy = countedPolicy(new CountingDevice({ threads: 1, precision: "f32" }), run.model);
  const trained = remarksOnTraining(policy);
  const nothing = run.stages.every(({ kind }) => kind === "eval");
  for (const remark of trained) say(remark);
  if (trained.length === 0 && !nothing) say(`all ${formatCount(policy.parameters.count)} weights are trained`);
  for (const remark of [...remarks, ...plan.remarks]) say(remark);
  say(await checkMemory(run));
}

const sumInWords = (weights: Readonly<Record<string, number>>): string =>
  Object.entries(weights)
    .map(
      ([part, weight], i) =>
        `${weight < 0 ? (i > 0 ? "− " : "−") : i > 0 ? "+ " : ""}${formatValue(Math.abs(weight))} · ${part}`,
    )
    .join(" ");

function inWords({ recipe, task, model }: PlannedRun, stage: PlannedStage): string {
  const { seed } = recipe;
  const { length: measured } = measuredPrompts(recipe, task);
  const ending = `measured on ${formatCount(measured)} problems`;
  if (stage.kind === "eval") return `${stage.name}: ${ending}`;
  const kind = stage.kind === stage.name ? "" : ` (${stage.kind})`;
  const steps = `${stage.name}${kind}: ${formatCount(stage.steps)} steps of`;
  const setting = { recipe, task, model, peakFlops: null };
  const rows = (most = 0) => `micro-batches of up to ${formatCount(most)} rows; ${ending}`;
  if (isReinforcement(stage)) {
    const { length } = task.prompts("reinforcement", stage.problems, seed);
    const attempts = `${stage.promptsPerStep} problems × ${stage.group} attempts of up to ${task.maxNewTokens} tokens`;
    const options = stage.kind === "rl" ? grpoOptions(stage, setting) : ppoOptions(stage, setting);
    const critic =
      stage.kind === "ppo" ? `, and a critic of ${formatCount(headWeights(model.config.width))} weights` : "";
    return `${steps} ${attempts}, from ${formatCount(length)} problems${critic}; ${rows(options.microBatchTokens)}`;
  }
  const { length } = task.demonstrations(stage.workedSolutions, seed);
  return `${steps} ${stage.batchSize} worked solutions of ${formatCount(length)}; ${rows(supervisedOptions(stage, setting).microBatchTokens)}`;
}
