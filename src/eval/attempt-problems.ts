import type { Policy } from "../model/policy.ts";
import { createTextStream } from "../prompt/tokenizer-text-stream.ts";
import type { Attempt, RewardParts } from "../records/attempt.ts";
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
  /** What found the answer, where the grading says so. */
  rule?: string | null;
}

/**
 * Attempts at problems, graded.
 *
 * @param options group: attempts at each problem; seed: names the random numbers; onProgress: called with the number of
 * attempts that have ended, after each token of the batch; what it throws ends the sampling
 * @returns one list per prompt, in order
 * @throws ConfigError when a sampling option is out of range; ShapeError when a prompt does not fit the model
 */
export async function attemptProblems(
  policy: Policy,
  prompts: readonly Prompt[],
  grading: Grading,
  {
    sampling,
    group,
    seed,
    onProgress,
  }: { sampling: SamplingOptions; group: number; seed: number; onProgress?: (ended: number) => void },
): Promise<EvaluatedAttempt[][]> {
  const { attempts: sampled } = await sampleAttempts(
    policy,
    prompts.map(({ tokens }) => tokens),
    {
      ...sampling,
      group,
      eosId: grading.eosId,
      textStream: () => createTextStream(grading),
      seed,
      keepExperts: false,
      onProgress: ({ attempts }) => onProgress?.(attempts),
    },
  );
  const asked = prompts.flatMap((prompt, p) => sampled[p].map((one) => ({ prompt, attempt: toAttempt(one, grading) })));
  const parts = await gradeAttempts(grading, asked);
  const answered = asked.map(
    ({ prompt, attempt }, i): EvaluatedAttempt => ({
      prompt,
      attempt,
      parts: parts[i],
      answer: grading.extract(attempt, prompt),
      ...(grading.ruleOf && { rule: grading.ruleOf(attempt, prompt) }),
    }),
  );
  return prompts.map((_, p) => answered.slice(p * group, (p + 1) * group));
}
