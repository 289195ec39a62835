import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { stringify } from "yaml";
import { isArithmeticModel } from "../pipeline/model-directory.ts";
import { parseRecipe } from "../pipeline/parse-recipe.ts";
import type { Recipe } from "../pipeline/recipe.ts";
import { ANSWER_FORMATS, type AnswerFormatName } from "../prompt/answer-format.ts";
import { UsageError } from "./failure.ts";
import { number, wholeNumber } from "./options.ts";

/** A task that flags name, without a recipe. */
export interface TaskFlags {
  task?: string;
  data?: string;
  columns?: Record<string, string>;
  format?: AnswerFormatName;
  template?: "chat" | "plain";
  instruction?: string;
  maxNewTokens?: number;
}

/** How many problems, and how much is asked of each. */
export interface MeasuringFlags {
  n?: number;
  seed?: number;
  k?: number;
  temperature?: number;
  topP?: number;
  fewShot?: number;
}

/** What stands for the data of generated expressions. */
export const arithmeticData = "generated arithmetic";

/** Data sets that are known by name: where the hub has them, how their rows read, and how long answers are. */
const knownTasks = {
  gsm8k: { layout: "gsm8k", data: "openai/gsm8k", format: "hash", maxNewTokens: 320 },
  math: { layout: "math", data: "HuggingFaceH4/MATH-500", format: "boxed", maxNewTokens: 768 },
  svamp: { layout: "svamp", data: null, format: "hash", maxNewTokens: 128 },
  arithmetic: { layout: "columns", data: arithmeticData, format: "hash", maxNewTokens: 128 },
} as const;

/** `--task` and what goes with it. */
export function addTask(command: Command): Command {
  return command
    .option("--task <task>", "gsm8k, math, svamp, arithmetic, or a data file or directory; in place of a recipe")
    .option("--data <data>", "directory or hub id of the data set of --task (default: gsm8k's and math's on the hub)")
    .option(
      "--columns <names>",
      "columns of a data file, e.g. question=ask,answer=result (default: question and answer)",
      readColumns,
    )
    .addOption(
      new Option("--format <format>", "how a completion marks its answer (default: hash; math: boxed)").choices([
        ...ANSWER_FORMATS,
      ]),
    )
    .addOption(
      new Option("--template <kind>", "the model's chat template, or plain text (default: chat)").choices([
        "chat",
        "plain",
      ]),
    )
    .option("--instruction <text>", "what tells the model how to answer (default: the format's own words)")
    .option("--max-new-tokens <n>", "longest completion (default: the task's)", wholeNumber(2, 32768));
}

/** `--k`, `--temperature`, `--top-p`, `--few-shot`. */
export function addMeasuring(command: Command): Command {
  return command
    .option(
      "--k <k>",
      "attempts drawn at random at each problem, for pass@k and maj@k (default: none)",
      wholeNumber(0, 1024),
    )
    .option("--temperature <t>", "of these attempts (default: 1)", number(1e-3, 10))
    .option("--top-p <p>", "of these attempts: the smallest set of tokens with this mass (default: 1)", number(1e-6, 1))
    .option(
      "--few-shot <n>",
      "worked examples before each question, from training problems (default: none)",
      wholeNumber(0, 64),
    );
}

function readColumns(text: string): Record<string, string> {
  const pairs = text.split(",").map((pair) => pair.split("="));
  const known = ["question", "answer", "solution", "id"];
  const wrong = pairs.find(([name, column]) => !known.includes(name) || !column);
  if (wrong) throw new UsageError(`--columns: expected ${known.join(", ")} as name=column, got ${wrong.join("=")}`);
  return Object.fromEntries(pairs);
}

/**
 * The recipe that flags amount to: their task, and no stage but measuring. Null without `--task`, and for arithmetic of a
 * model made for it, which has its own.
 *
 * @param set `path=value` changes, as of a recipe
 * @throws UsageError when flags do not go together; ConfigError when a setting does not fit
 */
export function taskRecipe(
  flags: TaskFlags & { model: string; recipe?: string },
  set: readonly string[] = [],
): Recipe | null {
  const { task, data, columns, format, template, instruction, maxNewTokens, model, recipe } = flags;
  if (task !== undefined && recipe !== undefined)
    throw new UsageError("--task and --recipe both name a task; give one");
  if (task === undefined) {
    for (const name of ["data", "columns", "format", "template", "instruction", "maxNewTokens"] as const)
      if (flags[name] !== undefined)
        throw new UsageError(
          `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} goes with --task; of a recipe, change it with --set task.${name}=…`,
        );
    return null;
  }
  if (task === "arithmetic" && isArithmeticModel(model)) return null;
  const known = Object.hasOwn(knownTasks, task) ? knownTasks[task as keyof typeof knownTasks] : null;
  if (known !== null && columns !== undefined)
    throw new UsageError(`--columns: those of ${task} are known; name the file as --task instead`);
  if (known !== null && data === undefined && known.data === null)
    throw new UsageError(`--task ${task}: give its directory as --data; the hub has no copy with all of its columns`);
  if (known === null && !existsSync(task))
    throw new UsageError(
      `--task ${task}: expected ${Object.keys(knownTasks).join(", ")}, or a file or directory; there is none of this name`,
    );
  if ((known === null || task === "arithmetic") && data !== undefined)
    throw new UsageError(
      "--data says where gsm8k, math or svamp lie; a file or directory is its own data, arithmetic is generated",
    );
  const settings = {
    kind: "words",
    data: data ?? known?.data ?? task,
    layout: known?.layout ?? "columns",
    ...((known ?? knownTasks.arithmetic).layout === "columns" && {
      columns: { question: "question", answer: "answer", ...columns },
    }),
    format: format ?? known?.format ?? "hash",
    ...(template && { template }),
    ...(instruction !== undefined && { instruction }),
    maxNewTokens: maxNewTokens ?? known?.maxNewTokens ?? 256,
  };
  const written = { name: "eval", task: settings, model: { from: model }, stages: [{ name: "eval", kind: "eval" }] };
  return parseRecipe(stringify(written), "command line", set);
}

/** The name of a task, for people. */
export const taskName = ({ task }: Pick<Recipe, "task">): string =>
  task.kind !== "words" || task.data === arithmeticData
    ? "arithmetic"
    : task.layout === "columns"
      ? task.data
      : `${task.layout} (${task.data})`;

/** What a recipe says of measuring, with flags over it. */
export function measuringWith(evaluation: Recipe["evaluation"], flags: MeasuringFlags): Recipe["evaluation"] {
  const { n, seed, k, temperature, topP, fewShot } = flags;
  const given = Object.entries({ problems: n, seed, k, temperature, topP, fewShot });
  return { ...evaluation, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) };
}
