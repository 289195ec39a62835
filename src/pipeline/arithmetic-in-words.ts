import { generateProblems } from "../data/arithmetic.ts";
import type { Problem } from "../records/problem.ts";
import type { WordProblems } from "./word-task.ts";

/** Training problems that worked examples are drawn from. */
const exampleProblems = 200;

/**
 * Generated expressions as problems in words, for a model that has language: `What is 8+(5-9)?`. They are those of the
 * arithmetic task by default, written without spaces and needless brackets.
 *
 * @param options count: test problems; seed: names them; fewShot: whether training problems are wanted, for examples
 * @throws DataError when there are too few expressions
 */
export function arithmeticInWords({
  count,
  seed,
  fewShot,
}: {
  count: number;
  seed: number;
  fewShot: number;
}): WordProblems {
  const plainly = { spaceProbability: 0, bracketProbability: 0 };
  const asked = (problem: Problem): Problem => ({ ...problem, question: `What is ${problem.question}?` });
  const draw = (split: "test" | "supervised", problems: number) =>
    generateProblems({ ...plainly, split, count: problems, seed, solutions: split === "supervised" }).map(asked);
  return {
    train: fewShot > 0 ? draw("supervised", exampleProblems) : [],
    validation: [],
    test: draw("test", count),
    removed: 0,
    removedForValidation: 0,
    setAside: [],
    copies: [],
  };
}
