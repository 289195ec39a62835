import { ConfigError, DataError } from "../base/errors.ts";
import { type GenerateOptions, generateProblems } from "../data/arithmetic.ts";
import { arithmeticDemonstration, arithmeticPrompt, digitOrderOf } from "../prompt/arithmetic-format.ts";
import { MathTokenizer } from "../prompt/math-tokenizer.ts";
import type { Problem } from "../records/problem.ts";
import { arithmeticReward, extractAnswer } from "../reward/arithmetic.ts";
import { ownReward } from "../reward/guard-reward.ts";
import type { Reward } from "../reward/reward.ts";
import { withRewards } from "../reward/stage-rewards.ts";
import type { Grading } from "../rollout/attempts.ts";
import type { TaskSettings } from "./recipe-task.ts";
import type { Count, Task } from "./task.ts";

/** The arithmetic task as a recipe describes it. Problems are drawn once and kept. */
export interface ArithmeticTask extends Task {
  tokenizer: MathTokenizer;
}

/**
 * How an arithmetic attempt is read and graded.
 *
 * @param rewards further parts beside `correct`, `format` and `steps`, of other names
 */
export function arithmeticGrading(tokenizer: MathTokenizer, rewards: readonly Reward[] = []): Grading {
  return {
    eosId: tokenizer.eosId,
    decode: (tokens) => tokenizer.decode(tokens),
    grade: withRewards(
      async (scored) => scored.map(({ attempt, prompt }) => arithmeticReward(attempt, prompt.problem)),
      rewards.map((reward, i) => ownReward(reward.name || `rewards[${i}]`, reward)),
    ),
    extract: (attempt, { problem }) => extractAnswer(attempt.text, digitOrderOf(problem)),
  };
}

/**
 * The task of a recipe.
 *
 * @param options rewards: further reward parts, as in `arithmeticGrading`
 * @throws ConfigError when it is a task in words
 * @throws DataError from its methods, when the task admits too few problems
 */
export function arithmeticTask(settings: TaskSettings, options: { rewards?: readonly Reward[] } = {}): ArithmeticTask {
  if (settings.kind === "words")
    throw new ConfigError("arithmeticTask: expected a task of arithmetic, got problems in words; use openTask");
  const { kind: _, maxNewTokens, ...expressions } = settings;
  const tokenizer = new MathTokenizer();
  const drawn = new Map<string, Problem[]>();
  const generate = (split: GenerateOptions["split"], asked: Count, seed: number) => {
    const count = typeof asked === "object" ? asked.atMost : asked;
    // A recipe without a number was refused; expressions have no end.
    if (count === undefined) throw new DataError(`arithmetic: say how many problems of split ${split} to draw`);
    const key = `${split} ${count} ${seed}`;
    const problems =
      drawn.get(key) ?? generateProblems({ ...expressions, split, count, seed, solutions: split === "supervised" });
    drawn.set(key, problems);
    return problems;
  };
  return {
    tokenizer,
    grading: arithmeticGrading(tokenizer, options.rewards),
    maxNewTokens,
    sampling: { maxNewTokens },
    demonstrations: (count, seed) =>
      generate("supervised", count, seed).map((problem) => arithmeticDemonstration(problem, tokenizer)),
    prompts: (split, count, seed) =>
      generate(split, count, seed).map((problem) => arithmeticPrompt(problem, tokenizer)),
  };
}
