import { problemFromText } from "../data/arithmetic.ts";
import { arithmeticPrompt } from "../prompt/arithmetic-format.ts";
import type { Attempt, RewardParts } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { gradeAttempts, toAttempt } from "../rollout/attempts.ts";
import { sampleAttempts } from "../rollout/rollout.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";
import type { OpenModel } from "./open-model.ts";

/** One attempt of a model at a user's expression, graded. */
export interface AnsweredQuestion {
  prompt: Prompt;
  attempt: Attempt;
  parts: RewardParts;
  answer: string | null;
}

/**
 * Asks a model for the values of expressions, in the form it was trained on; where it knows both digit orders, most
 * significant first. Attempts at the same expression follow each other.
 *
 * @param options samples: attempts at each expression, default 1; seed: names the random numbers, default 0; temperature
 * 0 is greedy, and the default
 * @throws DataError when a text is no expression, divides by zero, or uses characters the model has no tokens for
 */
export async function sampleModel(
  { policy, task, settings }: OpenModel,
  expressions: readonly string[],
  options: Omit<SamplingOptions, "maxNewTokens"> & { samples?: number; seed?: number } = {},
): Promise<AnsweredQuestion[]> {
  const { samples = 1, ...sampling } = options;
  const { digitOrder, scratchpad } = settings;
  const writing = { digitOrder: digitOrder === "mixed" ? "big" : digitOrder, scratchpad } as const;
  const prompts = expressions.map((text) => arithmeticPrompt(problemFromText(text, writing), task.tokenizer));
  const { attempts } = await sampleAttempts(
    policy,
    prompts.map(({ tokens }) => tokens),
    {
      temperature: 0,
      ...sampling,
      maxNewTokens: task.maxNewTokens,
      group: samples,
      eosId: task.grading.eosId,
      streams: prompts.map((_, i) => i),
      keeping: "keys",
    },
  );
  policy.stepScope.end();
  const scored = prompts.flatMap((prompt, p) =>
    attempts[p].map((sampled) => ({ prompt, attempt: toAttempt(sampled, task.grading) })),
  );
  const parts = await gradeAttempts(task.grading, scored);
  return scored.map(({ prompt, attempt }, i) => ({
    prompt,
    attempt,
    parts: parts[i],
    answer: task.grading.extract(attempt, prompt),
  }));
}
