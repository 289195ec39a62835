import { existsSync } from "node:fs";
import { join } from "node:path";
import { isCounted } from "../pipeline/attempt-record.ts";
import type { Recipe } from "../pipeline/recipe.ts";
import { evaluationsOf, type RunResult, reportRun } from "../pipeline/run-recipe.ts";
import { startTraining } from "../pipeline/training-thread.ts";
import { answerFormats } from "../prompt/answer-formats.ts";
import type { AttemptRecord } from "../records/events.ts";
import { stageTable } from "../report/table.ts";
import { readRun, readSamples, runExists } from "../runs/run-reader.ts";
import { exitCodes, UsageError } from "./failure.ts";
import type { Output } from "./output.ts";
import { recipeToResume } from "./resume.ts";
import { RunDisplay } from "./run-display.ts";
import { listenForStop } from "./stop-signals.ts";

/** Where a run goes and how it begins. */
interface TrainFlags {
  /** Directory that run directories are made in. */
  out: string;
  resume?: boolean;
  overwrite?: boolean;
}

/**
 * Runs a recipe off this thread and draws its progress; ends with the stage table, or, when it was stopped, with how to
 * go on. A finished run that is to be resumed only shows what it came to.
 *
 * @throws ConfigError when the run to be resumed was started with another recipe
 */
export async function train(given: Recipe, flags: TrainFlags, output: Output): Promise<void> {
  if (flags.resume && flags.overwrite)
    throw new UsageError("--resume goes on with a run and --overwrite deletes it; give one of them");
  const dir = join(flags.out, given.name);
  const resume = flags.resume === true && runExists(dir);
  const recipe = resume ? recipeToResume(dir, given) : given;
  if (resume && readRun(dir).finished) {
    output.say(`${dir} is finished: nothing to resume`);
    await showResult({ run: dir, stages: evaluationsOf(readRun(dir).events), status: "finished" }, recipe, output);
    return;
  }
  if (flags.resume && !resume) output.say(`no run ${dir} to resume: starting it`);
  const result = await runWithDisplay(recipe, { root: flags.out, resume, overwrite: flags.overwrite }, output);
  await showResult(result, recipe, output);
}

async function runWithDisplay(
  recipe: Recipe,
  options: { root: string; resume: boolean; overwrite?: boolean },
  output: Output,
): Promise<RunResult> {
  const display = new RunDisplay(output);
  const thread = startTraining(recipe, {
    ...options,
    onEvent: (event) => display.event(event),
    onDownload: (progress) => display.download(progress),
    onEvaluation: (at) => display.evaluation(at),
  });
  const stopListening = listenForStop({
    first() {
      thread.requestStop();
      display.note("stopping: saving a checkpoint first … (once more: exit at once, without saving)");
    },
    again() {
      display.close();
      const resume = resumeCommand(process.argv.slice(2));
      output.say(`stopped at once; go on from the last checkpoint with\n  ${resume}`);
      const error = { name: "Stopped", message: "stopped at once, without saving" };
      output.finish({ error, resume }, () => process.exit(exitCodes.stopped));
    },
  });
  try {
    return await thread.result;
  } finally {
    stopListening();
    display.close();
  }
}

/** The stage table and where everything lies; of a stopped run also how to go on with it. */
async function showResult({ run, stages, status }: RunResult, { task }: Recipe, output: Output): Promise<void> {
  const report = join(run, "report.html");
  if (!existsSync(report)) await reportRun(run);
  if (stages.length > 0) output.show(`\n${stageTable(stages, output.style)}\n`);
  output.show(`report   ${report}`);
  if (status === "finished") {
    output.show(`model    ${join(run, "final")}`);
    const question = problemToTry(run);
    if (question !== null)
      output.show(output.style.dim(`try it   npx reckon ${commandToTry(task, run, question).map(quote).join(" ")}`));
    output.finish({ run, stages });
    return;
  }
  const command = resumeCommand(process.argv.slice(2));
  output.say(`stopped; go on with\n  ${command}`);
  process.exitCode = exitCodes.stopped;
  output.finish({ run, stages, resume: command });
}

/** The words of a command that puts a problem to a run's model as training did. */
export function commandToTry(task: Recipe["task"], run: string, question: string): string[] {
  const model = ["--model", run];
  if (task.kind !== "words") return ["sample", ...model, ...(question.startsWith("-") ? ["--"] : []), question];
  const format = answerFormats[task.format];
  // A chat is the model's own template and nothing before its answer.
  if (task.template === "plain" || format.opening !== "")
    return ["eval", ...model, "--n", "20", "--out", "attempts.jsonl"];
  const instruction = task.instruction ?? format.instruction;
  const system = instruction === "" ? [] : ["--system", instruction];
  return ["chat", ...model, "--temperature", "0", ...system, "--message", question];
}

/** A problem of the run's own test split: the first that its last measured stage got right, else the first at all. */
function problemToTry(run: string): string | null {
  let chosen: AttemptRecord | null = null;
  for (const sample of readSamples(run)) {
    if (!isCounted(sample)) continue;
    const better = chosen === null || chosen.stage !== sample.stage || (!chosen.reward && sample.reward);
    if (better) chosen = sample;
  }
  return chosen?.question ?? null;
}

/** The command line that goes on with the run this one started. */
export function resumeCommand(args: readonly string[]): string {
  const kept = args.filter((arg) => arg !== "--overwrite" && arg !== "--resume");
  return ["npx reckon", ...kept.map(quote), "--resume"].join(" ");
}

/** A word as a POSIX shell reads it back. */
const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
