import { type GenerateOptions, generateProblems } from "../data/arithmetic.ts";
import { arithmeticDemonstration, arithmeticPrompt, digitOrderOf } from "../prompt/arithmetic-format.ts";
import { MathTokenizer } from "../prompt/math-tokenizer.ts";
import type { Demonstration, Problem, Prompt } from "../records/problem.ts";
import { arithmeticReward, extractAnswer } from "../reward/arithmetic.ts";
import type { Reward } from "../reward/reward.ts";
import type { Grading } from "../rollout/attempts.ts";
import type { Recipe } from "./recipe.ts";

/**
 * The arithmetic task as a recipe describes it: where its problems come from and how attempts are graded. Problems are
 * drawn once and kept.
 */
export interface ArithmeticTask {
  tokenizer: MathTokenizer;
  grading: Grading;
  /** Longest completion, in tokens. */
  maxNewTokens: number;
  /** A fixed set of worked solutions. */
  demonstrations(count: number, seed: number): Demonstration[];
  /** Problems without solutions, of a split that supervision never sees. */
  prompts(split: "reinforcement" | "validation" | "test", count: number, seed: number): Prompt[];
}

/**
 * How an arithmetic attempt is read and graded.
 *
 * @param rewards further parts beside `correct`, `format` and `steps`; of parts with one name the last counts
 */
export function arithmeticGrading(tokenizer: MathTokenizer, rewards: readonly Reward[] = []): Grading {
  return {
    eosId: tokenizer.eosId,
    decode: (tokens) => tokenizer.decode(tokens),
    grade: (attempt, { problem }) =>
      Object.assign({}, arithmeticReward(attempt, problem), ...rewards.map((reward) => reward(attempt, problem))),
    extract: (attempt, { problem }) => extractAnswer(attempt.text, digitOrderOf(problem)),
  };
}

/**
 * The task of a recipe.
 *
 * @param options rewards: further reward parts, as in `arithmeticGrading`
 * @throws DataError from its methods, when the task admits too few problems
 */
export function arithmeticTask(
  { maxNewTokens, ...expressions }: Recipe["task"],
  options: { rewards?: readonly Reward[] } = {},
): ArithmeticTask {
  const tokenizer = new MathTokenizer();
  const drawn = new Map<string, Problem[]>();
  const generate = (split: GenerateOptions["split"], count: number, seed: number) => {
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
    demonstrations: (count, seed) =>
      generate("supervised", count, seed).map((problem) => arithmeticDemonstration(problem, tokenizer)),
    prompts: (split, count, seed) =>
      generate(split, count, seed).map((problem) => arithmeticPrompt(problem, tokenizer)),
  };
}
