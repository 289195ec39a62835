import { generateProblems } from "../data/arithmetic.ts";
import type { Problem } from "../records/problem.ts";
import type { WordProblems } from "./word-task.ts";

/** Training problems, which worked examples are drawn from. */
const trainingProblems = 200;

/**
 * Generated expressions as problems in words, for a model that has language: `What is 8+(5-9)?`. They are those of the
 * arithmetic task by default, written without spaces and needless brackets.
 *
 * @param options count: test problems; seed: names them; training: whether training problems are wanted, too
 * @throws DataError when there are too few expressions
 */
export function arithmeticInWords({
  count,
  seed,
  training,
}: {
  count: number;
  seed: number;
  training: boolean;
}): WordProblems {
  const plainly = { spaceProbability: 0, bracketProbability: 0 };
  const asked = (problem: Problem): Problem => ({ ...problem, question: `What is ${problem.question}?` });
  const draw = (split: "test" | "supervised", problems: number) =>
    generateProblems({ ...plainly, split, count: problems, seed, solutions: split === "supervised" }).map(asked);
  return {
    train: training ? draw("supervised", trainingProblems) : [],
    validation: [],
    test: draw("test", count),
    removed: 0,
    removedForValidation: 0,
    setAside: [],
    copies: [],
  };
}
