import { DataError } from "../base/errors.ts";
import type { HubOptions } from "../base/hub/snapshot.ts";
import { Rng } from "../base/rng.ts";
import { chooseExamples } from "../data/few-shot.ts";
import { countNearCopies, type NearCopy, withoutNearCopies } from "../data/near-copies.ts";
import { describeSetAside, type ReadOptions, readProblems, type SetAsideRow } from "../data/read-problems.ts";
import { answerFormats } from "../prompt/answer-formats.ts";
import type { TextTokenizer } from "../prompt/text-tokenizer.ts";
import { NEXT_QUESTIONS, type WordPromptOptions, wordDemonstration, wordPrompt } from "../prompt/word-prompt.ts";
import type { Attempt } from "../records/attempt.ts";
import type { Problem, Prompt } from "../records/problem.ts";
import { compareAnswers } from "../reward/answer-equivalence.ts";
import { openGradingPool } from "../reward/grading-pool.ts";
import { wordGrader } from "../reward/word-grader.ts";
import { wordGrading } from "../reward/word-problems.ts";
import type { Grading } from "../rollout/attempts.ts";
import { gradingOf, hasNumbers, type WordSettings } from "./recipe-task.ts";
import type { Count, Task } from "./task.ts";

/** The problems of a task in words, and what was left out of them. */
export interface WordProblems {
  train: Problem[];
  /** The last training problems, which choose checkpoints and are not trained on. */
  validation: Problem[];
  test: Problem[];
  /** Training problems that were taken out, as test problems are copies of them. */
  removed: number;
  /** Further ones that were taken out, as validation problems are copies of them. */
  removedForValidation: number;
  setAside: SetAsideRow[];
  /** Training problems that are copies of test problems, of the kinds that are taken out and of weaker ones. */
  copies: NearCopy[];
}

/**
 * Reads the data set of a task in words. Training problems of which a test or a validation problem is a near copy are taken
 * out.
 *
 * @param options seed: draws the problems of a limit; validation: how many problems are kept from training to choose
 * checkpoints by; hub: how the hub is reached, where the data set is there
 * @throws DataError when a file is missing or broken, no row is usable, or validation would leave nothing to train on
 */
export async function readWordProblems(
  settings: WordSettings,
  { seed, validation: held, hub = {} }: { seed: number; validation: number; hub?: HubOptions },
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
  const { train: untested, copies } = withoutNearCopies(all.problems, test.problems);
  if (untested.length > 0 && held >= untested.length)
    throw new DataError(
      `validation.problems: expected fewer than the ${untested.length} training problems, got ${held}; lower it`,
    );
  const rest = untested.slice(0, untested.length - held);
  const validation = untested.slice(rest.length);
  const train = held > 0 ? withoutNearCopies(rest, validation).train : rest;
  return {
    train,
    validation,
    test: test.problems,
    removed: all.problems.length - untested.length,
    removedForValidation: rest.length - train.length,
    copies,
    setAside: [...all.setAside, ...test.setAside],
  };
}

/**
 * The problems of a task in words that is measured and not trained on: those of its test split, and where worked examples
 * are wanted, training problems as `readWordProblems` gives them.
 *
 * @throws DataError when a file is missing or broken, or no row is usable
 */
export async function readMeasuredProblems(
  settings: WordSettings,
  { fewShot, hub = {} }: { fewShot: number; hub?: HubOptions },
): Promise<WordProblems> {
  if (fewShot > 0) return readWordProblems(settings, { seed: 0, validation: 0, hub });
  const { data: path, layout, columns, calculatorNotes } = settings;
  const { file, rows, limit } = settings.test;
  const options: ReadOptions = { path, layout, columns, calculatorNotes, split: "test", file, rows, limit, hub };
  const { problems: test, setAside } = await readProblems(
    limit === undefined ? options : { ...options, shuffleSeed: 0 },
  );
  return { train: [], validation: [], test, removed: 0, removedForValidation: 0, setAside, copies: [] };
}

/** What of a data set is not used, in words; empty when all of it is. */
export function remarksOnProblems(problems: WordProblems): string[] {
  const { train, test, removed, removedForValidation, setAside, copies } = problems;
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
  if (removedForValidation > 0)
    remarks.push(`${removedForValidation} more left out, as validation problems are copies of them`);
  if (related.test > 0)
    remarks.push(
      `${related.test} test problems tell the story of a training problem with another question or other numbers`,
    );
  return remarks;
}

/**
 * A task in words, whose methods throw DataError when more problems are asked for than there are, or none are left.
 *
 * @param measuring fewShot: worked examples before each question that is measured, drawn with the seed from training
 * problems that are no copies of it; training asks without examples
 */
export function wordTask(
  settings: WordSettings,
  tokenizer: TextTokenizer,
  problems: WordProblems,
  measuring: { fewShot: number; seed: number } = { fewShot: 0, seed: 0 },
): Task {
  const format = answerFormats[settings.format];
  const prompting: WordPromptOptions = { format, template: settings.template, instruction: settings.instruction };
  const rule = gradingOf(settings);
  // Its threads start with the first answer that needs them, and keep nothing alive once idle.
  const { judge } = openGradingPool();
  const gsm8k = hasNumbers(settings.layout) || rule.startsWith("gsm8k");
  const grader = wordGrader(format, { rule, judge, gsm8k });
  const { maxNewTokens } = settings;
  const { fewShot: count, seed: examplesSeed } = measuring;
  const stop = [...settings.stop, ...(count > 0 && settings.template === "plain" ? NEXT_QUESTIONS : [])];
  const trained = () => {
    if (problems.train.length > 0) return problems.train;
    throw new DataError(
      `${settings.data}: every training problem is a copy of a test problem; are they rows of one file? Give task.train.rows ` +
        "and task.test.rows, or task.train.file and task.test.file",
    );
  };
  // Stages ask for the same problems again and again: to be planned, estimated, trained on, measured.
  const promptOf = remembered((problem: Problem) => wordPrompt(problem, tokenizer, prompting));
  const demonstrationOf = remembered((problem: Problem) => wordDemonstration(problem, tokenizer, prompting));
  const measuredPromptsOf = (asked: readonly Problem[]): Prompt[] => {
    if (count === 0) return asked.map(promptOf);
    const examples = chooseExamples(asked, trained(), { count, seed: examplesSeed });
    return asked.map((problem, p) => wordPrompt(problem, tokenizer, { ...prompting, examples: examples[p] }));
  };
  return {
    tokenizer,
    grading: { ...beforeStops(wordGrading(tokenizer, format, grader), stop), eosId: tokenizer.stopIds },
    judge: rule === "number" ? compareAnswers : judge,
    maxNewTokens,
    sampling: { maxNewTokens, stopStrings: [...format.stops, ...stop] },
    demonstrations: (wanted, seed) => choose("worked solutions", trained(), wanted, [seed, 7]).map(demonstrationOf),
    prompts(split, wanted, seed) {
      if (split === "validation") return measuredPromptsOf(problems.validation);
      if (split === "test")
        return measuredPromptsOf(choose("problems to be measured on", problems.test, wanted, [seed, 6]));
      return choose("problems", trained(), wanted, [seed, 6]).map(promptOf);
    },
  };
}

/** Grading that reads a completion up to the text that stopped it: the token that completes that text may hold more. */
function beforeStops(grading: Grading, stops: readonly string[]): Grading {
  const cut = (attempt: Attempt): Attempt => {
    const places = stops.map((stop) => attempt.text.indexOf(stop)).filter((place) => place >= 0);
    if (attempt.stop !== "stop" || places.length === 0) return attempt;
    return { ...attempt, text: attempt.text.slice(0, Math.min(...places)) };
  };
  return {
    ...grading,
    settled: cut,
    grade: (scored) => grading.grade(scored.map(({ attempt, prompt }) => ({ attempt: cut(attempt), prompt }))),
    extract: (attempt, prompt) => grading.extract(cut(attempt), prompt),
    ...(grading.ruleOf && { ruleOf: (attempt, prompt) => grading.ruleOf!(cut(attempt), prompt) }),
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

/**
 * All problems, or some of them drawn with a seed, in their order.
 *
 * @param seed one sequence for each use: problems to be reinforced on are not those whose solutions were imitated
 */
function choose(what: string, problems: readonly Problem[], count: Count, seed: readonly number[]): readonly Problem[] {
  if (typeof count === "number" && count > problems.length)
    throw new DataError(
      `${what}: expected at most ${problems.length}, which is how many there are, got ${count}; lower it, or leave it out`,
    );
  const wanted = typeof count === "object" ? count.atMost : count;
  if (wanted === undefined || wanted >= problems.length) return problems;
  const order = new Rng(...seed).shuffle(problems.map((_, place) => place)).slice(0, wanted);
  return order.sort((a, b) => a - b).map((place) => problems[place]);
}
