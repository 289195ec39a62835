import { type EvaluateOptions, type Evaluation, evaluate, evaluationAttempts } from "../eval/evaluate.ts";
import { greedy } from "../rollout/sampling.ts";
import { readSamples } from "../runs/run-reader.ts";
import { evaluationRecords } from "./attempt-record.ts";
import { compareWithBefore } from "./compare-stages.ts";
import type { Recipe } from "./recipe.ts";
import { measuredPrompts, type PlannedStage } from "./stage-plan.ts";
import type { StageContext } from "./stage-runner.ts";
import type { Task } from "./task.ts";

/** How far the measuring of a stage is, in attempts. */
export interface EvaluationProgress {
  stage: string;
  done: number;
  total: number;
}

/** Thrown out of a measurement that is not waited for; the stage's last checkpoint already holds what there is to save. */
class MeasuringStopped extends Error {}

/** Measures the policy on the held-out problems, greedily, and keeps samples; false when asked to stop meanwhile. */
export async function measureStage(
  { recipe, task, policy, writer, emit, stopRequested }: StageContext,
  stage: PlannedStage,
  outcome: { seconds: number; steps: number },
  onEvaluation: (at: EvaluationProgress) => void,
): Promise<boolean> {
  const prompts = measuredPrompts(recipe, task);
  const options = evaluateOptions(stage.name, recipe.evaluation, task);
  const advance = (done: number, total: number) => {
    onEvaluation({ stage: stage.name, done, total });
    if (done < total && stopRequested()) throw new MeasuringStopped();
  };
  let measured: Evaluation;
  try {
    advance(0, evaluationAttempts(prompts.length, options));
    measured = await evaluate(policy, prompts, task.grading, options, advance);
  } catch (error) {
    if (error instanceof MeasuringStopped) return false;
    throw error;
  }
  const { summary } = measured;
  const at = { stage: stage.name, step: outcome.steps };
  const records = evaluationRecords(at, measured);
  writer.flush();
  const paired = compareWithBefore(readSamples(writer.dir), records);
  writer.appendSamples(at, records);
  const result = { ...summary, seconds: outcome.seconds + summary.seconds, ...(paired && { paired }) };
  emit({ type: "evaluation", time: Date.now(), ...at, result });
  return true;
}

/** How problems of a task are measured: greedily, and as a recipe's `evaluation` says. */
export function evaluateOptions(
  name: string,
  { seed, k, temperature, topP, fewShot }: Recipe["evaluation"],
  task: Pick<Task, "sampling" | "maxNewTokens">,
): EvaluateOptions {
  return {
    name,
    seed,
    sampling: { ...task.sampling, ...greedy(task.maxNewTokens) },
    samples: { attempts: k, temperature, topP },
    fewShot,
  };
}
