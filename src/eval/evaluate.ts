import type { Policy } from "../model/policy.ts";
import type { EvaluationSummary } from "../records/events.ts";
import type { Prompt } from "../records/problem.ts";
import { judgeCheaply } from "../reward/answers/judge-answer.ts";
import type { Grading } from "../rollout/attempts.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";
import { attemptProblems, type EvaluatedAttempt } from "./attempt-problems.ts";
import { breakdownOf } from "./breakdown.ts";
import { type Measured, summarizeAttempts, summarizeSamples } from "./summarize.ts";

export type { EvaluatedAttempt } from "./attempt-problems.ts";

/** How an evaluation is done. */
export interface EvaluateOptions {
  /** Of the result. */
  name: string;
  /** Of the one attempt that accuracy counts; greedy for the usual figure. */
  sampling: SamplingOptions;
  /** Names the random numbers of all sampling that is not greedy. */
  seed: number;
  /** Further attempts at each problem, for pass@k and maj@k; none where left out or of 0 attempts. */
  samples?: { attempts: number; temperature: number; topP: number };
  /** Worked examples that the prompts hold, for the record. */
  fewShot?: number;
}

/** What an evaluation found. */
export interface Evaluation {
  summary: EvaluationSummary;
  /** The attempt at each problem, in the order of the prompts. */
  attempts: EvaluatedAttempt[];
  /** The further attempts at each problem; empty without any. */
  samples: EvaluatedAttempt[][];
}

/**
 * Accuracy on held-out problems, one attempt each, with Wilson's 95 % interval, and what else attempts show: outcomes, length,
 * kinds of problems, and with `samples` pass@k and maj@k.
 *
 * @param prompts none give accuracy 0 with the interval [0, 1]
 * @param onProgress called with the attempts that have ended and all there will be, after each token of the batch; what it
 * throws ends the evaluation
 * @throws ConfigError when a sampling option is out of range; ShapeError when a prompt does not fit the model
 */
export async function evaluate(
  policy: Policy,
  prompts: readonly Prompt[],
  grading: Grading,
  options: EvaluateOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Evaluation> {
  const began = performance.now();
  const { name, sampling, seed, fewShot = 0 } = options;
  const further = { attempts: 0, temperature: 1, topP: 1, ...options.samples };
  const total = evaluationAttempts(prompts.length, options);
  const first = await attemptProblems(policy, prompts, grading, {
    sampling,
    group: 1,
    seed,
    onProgress: (ended) => onProgress(ended, total),
  });
  const { temperature, topP } = further;
  const samples =
    further.attempts === 0 || prompts.length === 0
      ? []
      : await attemptProblems(policy, prompts, grading, {
          sampling: { ...sampling, temperature, topP },
          group: further.attempts,
          seed,
          onProgress: (ended) => onProgress(prompts.length + ended, total),
        });
  const attempts = first.map(([one]) => one);
  const breakdown = breakdownOf(
    attempts.map(({ prompt, parts }) => ({ problem: prompt.problem, correct: parts.correct === 1 })),
  );
  // Pairs of wrong answers are many: what only computer algebra could tell apart is not worth its time.
  const same = (a: string, b: string) => judgeCheaply(a, b)?.equal ?? null;
  const summary: EvaluationSummary = {
    name,
    ...summarizeAttempts(attempts.map(measuredOf)),
    seconds: (performance.now() - began) / 1000,
    ...(samples.length > 0 && {
      sampled: summarizeSamples(
        samples.map((list) => list.map(measuredOf)),
        further,
        same,
      ),
    }),
    ...(breakdown.length > 0 && { breakdown }),
    ...(fewShot > 0 && { fewShot }),
  };
  return { summary, attempts, samples };
}

/** How many attempts an evaluation of some problems makes. */
export const evaluationAttempts = (problems: number, { samples }: Pick<EvaluateOptions, "samples">): number =>
  problems * (1 + (samples?.attempts ?? 0));

/** What a summary reads of an answered problem. */
export const measuredOf = ({ parts, attempt, answer }: EvaluatedAttempt): Measured => ({
  parts,
  stop: attempt.stop,
  tokens: attempt.tokens.length,
  answer,
});
