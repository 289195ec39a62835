import { DataError } from "../base/errors.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { Demonstration, Problem, Prompt } from "../records/problem.ts";
import type { Task } from "./task.ts";

/**
 * A task as far as it fits a model: what is trained on or chooses checkpoints is left out where it is longer than the
 * model's context, since a run would end there; what is measured is never left out.
 *
 * @param remark told how much is left out, once for each list that is asked for
 * @returns a task whose methods throw DataError when a test problem is too long, or nothing is left
 */
export function withinContext(
  task: Task,
  { positions, maxPositions }: Pick<DecoderConfig, "positions" | "maxPositions">,
  remark: (text: string) => void,
): Task {
  if (positions !== "rotary") return task;
  const { maxNewTokens } = task;
  const fitting = <T>(what: string, all: T[], problemOf: (one: T) => Problem, lengthOf: (one: T) => number): T[] => {
    const kept = all.filter((one) => lengthOf(one) <= maxPositions);
    if (kept.length === all.length) return all;
    const left = all.filter((one) => lengthOf(one) > maxPositions).map((one) => problemOf(one).id);
    const text =
      `${left.length} of ${all.length} ${what} take more than ${maxPositions} tokens, the model's context: ` +
      `${left.slice(0, 5).join(", ")}${left.length > 5 ? ", …" : ""}`;
    if (kept.length === 0) throw new DataError(`${text}; raise model.context, or lower task.maxNewTokens`);
    remark(`${text}; they are left out`);
    return kept;
  };
  const requireFit = (prompts: Prompt[]): Prompt[] => {
    const long = prompts.find(({ tokens }) => tokens.length + maxNewTokens > maxPositions);
    if (long === undefined) return prompts;
    throw new DataError(
      `test problem ${long.problem.id}: its prompt takes ${long.tokens.length} tokens, which with task.maxNewTokens ` +
        `(${maxNewTokens}) is more than model.context (${maxPositions}); raise model.context as far as the model allows, ` +
        "lower task.maxNewTokens, or leave the problem out (task.test.rows)",
    );
  };
  const prompts = remembered<Prompt[], Parameters<Task["prompts"]>>((split, count, seed) => {
    const all = task.prompts(split, count, seed);
    if (split === "test") return requireFit(all);
    const what = split === "validation" ? "validation problems" : "problems to be reinforced on";
    return fitting(
      `${what} with task.maxNewTokens (${maxNewTokens})`,
      all,
      ({ problem }) => problem,
      ({ tokens }) => tokens.length + maxNewTokens,
    );
  });
  const demonstrations = remembered<Demonstration[], Parameters<Task["demonstrations"]>>((count, seed) =>
    fitting(
      "worked solutions",
      task.demonstrations(count, seed),
      ({ prompt }) => prompt.problem,
      ({ prompt, completion }) => prompt.tokens.length + completion.length,
    ),
  );
  return { ...task, prompts, demonstrations };
}

/** A list for each set of arguments, made once: stages ask again and again. */
function remembered<T, A extends readonly unknown[]>(make: (...asked: A) => T): (...asked: A) => T {
  const made = new Map<string, T>();
  return (...asked) => {
    const key = JSON.stringify(asked);
    const found = made.get(key) ?? make(...asked);
    made.set(key, found);
    return found;
  };
}
