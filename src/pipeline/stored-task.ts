import { ReckonError } from "../base/errors.ts";
import type { TextTokenizer } from "../prompt/text-tokenizer.ts";
import type { Problem } from "../records/problem.ts";
import { arithmeticTask } from "./arithmetic-task.ts";
import type { Recipe } from "./recipe.ts";
import type { Task } from "./task.ts";
import { readWordProblems, type WordProblems, wordTask } from "./word-task.ts";

/** A run's task as far as it is known without its model. */
export interface StoredTask {
  /** Grades stored attempts; what needs a tokenizer throws. */
  task: Task;
  /** By id, with whatever graders need beside question and answer. */
  problems: ReadonlyMap<string, Problem>;
  /** Those of them that were trained on, of problems in words. */
  trained: readonly Problem[];
  /** What is not as it was in training. */
  remarks: string[];
}

/**
 * What grades the attempts that a run has stored. Expressions are generated again; a data set is read again for its worked
 * solutions, and where it is gone, questions and gold answers are those stored with the attempts.
 */
export async function storedTask(recipe: Recipe): Promise<StoredTask> {
  const { task: settings, seed, stages, evaluation, validation } = recipe;
  if (settings.kind !== "words") {
    const task = arithmeticTask(settings);
    const asked = [
      ...stages.flatMap((stage) => ("rewards" in stage ? task.prompts("reinforcement", stage.problems, seed) : [])),
      ...task.prompts("test", evaluation.problems ?? { atMost: 1000 }, evaluation.seed),
    ];
    return { task, problems: byId(asked.map(({ problem }) => problem)), trained: [], remarks: [] };
  }
  const [found, remarks] = await readAgain(() => readWordProblems(settings, { seed, validation: validation.problems }));
  const all = byId([...found.train, ...found.validation, ...found.test]);
  return { task: wordTask(settings, withoutTokenizer, found), problems: all, trained: found.train, remarks };
}

async function readAgain(read: () => Promise<WordProblems>): Promise<[WordProblems, string[]]> {
  try {
    return [await read(), []];
  } catch (error) {
    if (!(error instanceof ReckonError)) throw error;
    const nothing = {
      train: [],
      validation: [],
      test: [],
      removed: 0,
      removedForValidation: 0,
      setAside: [],
      copies: [],
    };
    return [nothing, [`the data set was not read again, so there are no worked solutions: ${error.message}`]];
  }
}

const byId = (problems: readonly Problem[]) => new Map(problems.map((problem) => [problem.id, problem]));

/** Attempts are stored as texts: nothing is encoded or decoded. */
const withoutTokenizer = new Proxy({} as TextTokenizer, {
  get(_, field) {
    if (field === "stopIds") return [];
    if (field === "eosId") return -1;
    return () => {
      throw new Error(`a stored run has no tokenizer to ask for ${String(field)}`);
    };
  },
});
