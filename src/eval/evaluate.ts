import { wilsonInterval } from "../base/statistics.ts";
import type { Policy } from "../model/policy.ts";
import { createTextStream } from "../prompt/tokenizer-text-stream.ts";
import type { Attempt, RewardParts } from "../records/attempt.ts";
import type { EvaluationSummary } from "../records/events.ts";
import type { Prompt } from "../records/problem.ts";
import { type Grading, gradeAttempts, toAttempt } from "../rollout/attempts.ts";
import { sampleAttempts } from "../rollout/rollout.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";

/** One answered problem of an evaluation. */
export interface EvaluatedAttempt {
  prompt: Prompt;
  attempt: Attempt;
  parts: RewardParts;
  answer: string | null;
}

/**
 * Accuracy on held-out problems, one attempt each, with Wilson's 95 % interval.
 *
 * @param options name of the result; sampling (greedy for the usual figure); seed when sampling is not greedy
 * @param prompts none give accuracy 0 with the interval [0, 1]
 * @param onProgress called with the number of problems answered, after each token of the batch; what it throws ends the evaluation
 * @returns the summary, and every attempt in the order of the prompts
 * @throws ConfigError when a sampling option is out of range; ShapeError when a prompt does not fit the model
 */
export async function evaluate(
  policy: Policy,
  prompts: readonly Prompt[],
  grading: Grading,
  options: { name: string; sampling: SamplingOptions; seed: number },
  onProgress: (done: number) => void = () => {},
): Promise<{ summary: EvaluationSummary; attempts: EvaluatedAttempt[] }> {
  const began = performance.now();
  const { attempts: sampled } = await sampleAttempts(
    policy,
    prompts.map(({ tokens }) => tokens),
    {
      ...options.sampling,
      eosId: grading.eosId,
      textStream: () => createTextStream(grading),
      seed: options.seed,
      keepExperts: false,
      onProgress: ({ attempts: done }) => onProgress(done),
    },
  );
  const scored = prompts.map((prompt, p) => ({ prompt, attempt: toAttempt(sampled[p][0], grading) }));
  const parts = await gradeAttempts(grading, scored);
  const attempts = scored.map(
    ({ prompt, attempt }, p): EvaluatedAttempt => ({
      prompt,
      attempt,
      parts: parts[p],
      answer: grading.extract(attempt, prompt),
    }),
  );
  const n = attempts.length;
  const correct = attempts.filter(({ parts }) => parts.correct === 1).length;
  const formatted = attempts.filter(({ parts }) => parts.format === 1).length;
  return {
    summary: {
      name: options.name,
      accuracy: n === 0 ? 0 : correct / n,
      ci95: wilsonInterval(correct, n),
      formatAccuracy: n === 0 ? 0 : formatted / n,
      n,
      seconds: (performance.now() - began) / 1000,
    },
    attempts,
  };
}
