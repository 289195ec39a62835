import { evaluate } from "../eval/evaluate.ts";
import { greedy } from "../rollout/sampling.ts";
import { readSamples } from "../runs/run-reader.ts";
import { measuredRecord } from "./attempt-record.ts";
import { compareWithBefore } from "./compare-stages.ts";
import { measuredPrompts, type PlannedStage } from "./stage-plan.ts";
import type { StageContext } from "./stage-runner.ts";

/** How far the measuring of a stage is, in problems. */
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
  const { seed } = recipe.evaluation;
  const prompts = measuredPrompts(recipe, task);
  const options = { name: stage.name, sampling: { ...task.sampling, ...greedy(task.maxNewTokens) }, seed };
  const advance = (done: number) => {
    onEvaluation({ stage: stage.name, done, total: prompts.length });
    if (done < prompts.length && stopRequested()) throw new MeasuringStopped();
  };
  let measured: Awaited<ReturnType<typeof evaluate>>;
  try {
    advance(0);
    measured = await evaluate(policy, prompts, task.grading, options, advance);
  } catch (error) {
    if (error instanceof MeasuringStopped) return false;
    throw error;
  }
  const { summary, attempts } = measured;
  const at = { stage: stage.name, step: outcome.steps };
  const records = attempts.map((one) => measuredRecord(at, one));
  writer.flush();
  const paired = compareWithBefore(readSamples(writer.dir), records);
  writer.appendSamples(at, records);
  const result = { ...summary, seconds: outcome.seconds + summary.seconds, ...(paired && { paired }) };
  emit({ type: "evaluation", time: Date.now(), ...at, result });
  return true;
}
