import { DataError } from "../base/errors.ts";
import type { HubOptions } from "../base/hub/snapshot.ts";
import { Rng } from "../base/rng.ts";
import { countNearCopies, type NearCopy, withoutNearCopies } from "../data/near-copies.ts";
import { describeSetAside, type ReadOptions, readProblems, type SetAsideRow } from "../data/read-problems.ts";
import { answerFormats } from "../prompt/answer-formats.ts";
import type { TextTokenizer } from "../prompt/text-tokenizer.ts";
import { type WordPromptOptions, wordDemonstration, wordPrompt } from "../prompt/word-prompt.ts";
import type { Problem } from "../records/problem.ts";
import { wordGrading } from "../reward/word-problems.ts";
import type { WordSettings } from "./recipe-task.ts";
import type { Task } from "./task.ts";

/** The problems of a task in words, and what was left out of them. */
export interface WordProblems {
  train: Problem[];
  test: Problem[];
  /** Training problems that were taken out, as test problems are copies of them. */
  removed: number;
  setAside: SetAsideRow[];
  /** Training problems that are copies of test problems, of the kinds that are taken out and of weaker ones. */
  copies: NearCopy[];
}

/**
 * Reads the data set of a task in words. Training problems of which a test problem is a near copy are taken out.
 *
 * @param hub how the hub is reached, where the data set is there
 * @throws DataError when a file is missing or broken, or no row is usable
 */
export async function readWordProblems(
  settings: WordSettings,
  seed: number,
  hub: HubOptions = {},
): Promise<WordProblems> {
  const { data: path, layout, columns, calculatorNotes } = settings;
  const read = (split: "train" | "test") => {
    const { file, rows, limit } = settings[split];
    const options: ReadOptions = { path, layout, columns, calculatorNotes, split, file, rows, limit, hub };
    // Which problems are measured is the same for every seed of training.
    return readProblems(limit === undefined ? options : { ...options, shuffleSeed: split === "train" ? seed : 0 });
  };
  const test = await read("test");
  const all = await read("train");
  const { train, copies } = withoutNearCopies(all.problems, test.problems);
  return {
    train,
    test: test.problems,
    removed: all.problems.length - train.length,
    copies,
    setAside: [...all.setAside, ...test.setAside],
  };
}

/** What of a data set is not used, in words; empty when all of it is. */
export function remarksOnProblems({ train, test, removed, setAside, copies }: WordProblems): string[] {
  const remarks = [`${train.length} problems to train on, ${test.length} to be measured on`];
  if (setAside.length > 0)
    remarks.push(
      `${setAside.length} ${setAside.length === 1 ? "row holds" : "rows hold"} no problem that can be used\n${describeSetAside(setAside)}`,
    );
  const { same, renumbered, reworded, related } = countNearCopies(copies);
  if (removed > 0)
    remarks.push(
      `${removed} training problems left out, as test problems are copies of them ` +
        `(${same.train} the same, ${renumbered.train} but for the numbers, ${reworded.train} in other words)`,
    );
  if (related.test > 0)
    remarks.push(
      `${related.test} test problems tell the story of a training problem with another question or other numbers`,
    );
  return remarks;
}

/**
 * A task in words: validation takes problems from the end of the training problems, which then are not trained on.
 *
 * @param options validation: how many problems are kept from training to choose checkpoints by
 */
export function wordTask(
  settings: WordSettings,
  tokenizer: TextTokenizer,
  problems: WordProblems,
  { validation }: { validation: number },
): Task {
  const format = answerFormats[settings.format];
  const prompting: WordPromptOptions = { format, template: settings.template, instruction: settings.instruction };
  const { maxNewTokens } = settings;
  if (validation >= problems.train.length)
    throw new DataError(
      `validation.problems: expected fewer than the ${problems.train.length} training problems, got ${validation}`,
    );
  const trained = problems.train.length - validation;
  const splits = {
    reinforcement: problems.train.slice(0, trained),
    validation: problems.train.slice(trained),
    test: problems.test,
  };
  // Stages ask for the same problems again and again: to be planned, estimated, trained on, measured.
  const promptOf = remembered((problem: Problem) => wordPrompt(problem, tokenizer, prompting));
  const demonstrationOf = remembered((problem: Problem) => wordDemonstration(problem, tokenizer, prompting));
  return {
    tokenizer,
    grading: { ...wordGrading(tokenizer, format), eosId: tokenizer.stopIds },
    maxNewTokens,
    sampling: { maxNewTokens, stopStrings: format.stops },
    demonstrations: (count, seed) => choose(splits.reinforcement, count, seed).map(demonstrationOf),
    prompts: (split, count, seed) =>
      choose(splits[split], split === "validation" ? undefined : count, seed).map(promptOf),
  };
}

/** `make`, once for each problem. */
function remembered<T>(make: (problem: Problem) => T): (problem: Problem) => T {
  const made = new Map<Problem, T>();
  return (problem) => {
    let found = made.get(problem);
    if (found === undefined) made.set(problem, (found = make(problem)));
    return found;
  };
}

/** All problems, or `count` of them drawn with a seed, in their order. */
function choose(problems: readonly Problem[], count: number | undefined, seed: number): readonly Problem[] {
  if (count === undefined || count >= problems.length) return problems;
  const order = new Rng(seed, 6).shuffle(problems.map((_, place) => place)).slice(0, count);
  return order.sort((a, b) => a - b).map((place) => problems[place]);
}
