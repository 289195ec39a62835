import { DataError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import type { Problem } from "../records/problem.ts";
import { findNearCopies } from "./near-copies.ts";

/**
 * Worked examples to stand before each question: the first `count` of one drawn order of training problems that are no near
 * copies of the question, of any kind, a common story included. So nearly all questions have the same examples.
 *
 * @param asked the questions; one list is returned for each
 * @param training where examples come from
 * @param options seed: names the order
 * @throws DataError when there are too few training problems
 */
export function chooseExamples(
  asked: readonly Problem[],
  training: readonly Problem[],
  { count, seed }: { count: number; seed: number },
): Problem[][] {
  if (count === 0) return asked.map(() => []);
  const order = new Rng(seed, exampleStream).shuffle([...training]);
  // Copies are few: some more than are wanted are enough, and all are compared only where they are not.
  for (let length = Math.min(order.length, 2 * count + 16); ; length = Math.min(order.length, 4 * length)) {
    const candidates = order.slice(0, length);
    const copied = new Map<Problem, Set<Problem>>();
    for (const { test, train } of findNearCopies(candidates, asked))
      copied.set(test, (copied.get(test) ?? new Set()).add(train));
    const chosen = asked.map((problem) => candidates.filter((one) => !copied.get(problem)?.has(one)).slice(0, count));
    if (chosen.every((examples) => examples.length === count)) return chosen;
    if (length === order.length)
      throw new DataError(
        `examples: expected ${count} training problems that are no copies of the question, there are ` +
          `${Math.min(...chosen.map((examples) => examples.length))} of ${training.length}; ask for fewer, or give a data set with more`,
      );
  }
}

const exampleStream = 9;
