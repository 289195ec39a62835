import { mean } from "../base/statistics.ts";
import type { Policy } from "../model/policy.ts";
import { createTextStream } from "../prompt/tokenizer-text-stream.ts";
import type { Prompt } from "../records/problem.ts";
import { type Grading, gradeAttempts, toAttempt } from "../rollout/attempts.ts";
import { sampleAttempts } from "../rollout/rollout.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";

/** What a look at a model's completions, before it is trained on them, shows. */
export interface LengthProbe {
  attempts: number;
  /** Share of the attempts that were cut at the length limit. */
  cutShare: number;
  /** Tokens of those that ended; 0 when none did. */
  meanEndedLength: number;
  /** Share of the attempts that are right. */
  correctShare: number;
}

/**
 * One attempt at each prompt with the options of training: where most are cut, reinforcement would learn from noise.
 *
 * @param options seed: names the random numbers; they are not those of any step
 * @throws ConfigError when a sampling option is out of range; ShapeError when a prompt does not fit the model
 */
export async function probeLengths(
  policy: Policy,
  prompts: readonly Prompt[],
  grading: Grading,
  { sampling, seed }: { sampling: SamplingOptions; seed: number },
): Promise<LengthProbe> {
  const rollout = await sampleAttempts(
    policy,
    prompts.map(({ tokens }) => tokens),
    {
      ...sampling,
      eosId: grading.eosId,
      textStream: () => createTextStream(grading),
      seed,
      streams: prompts.map((_, i) => probeStreams + i),
    },
  );
  policy.stepScope.end();
  const attempts = rollout.attempts.map(([sampled]) => toAttempt(sampled, grading));
  const ended = attempts.filter(({ stop }) => stop !== "length");
  const parts = await gradeAttempts(
    grading,
    attempts.map((attempt, p) => ({ attempt, prompt: prompts[p] })),
  );
  const correct = parts.filter((named) => named.correct === 1);
  return {
    attempts: attempts.length,
    cutShare: 1 - ended.length / attempts.length,
    meanEndedLength: mean(ended.map(({ tokens }) => tokens.length)),
    correctShare: correct.length / attempts.length,
  };
}

/** Streams of a probe lie above those of training. */
const probeStreams = 2 ** 30 + 2 ** 29;
