import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { DataError } from "../../base/errors.ts";
import { version } from "../../base/version.ts";
import { evaluate, evaluationAttempts } from "../../eval/evaluate.ts";
import { evaluationRecords } from "../../pipeline/attempt-record.ts";
import { evaluateOptions } from "../../pipeline/measure-stage.ts";
import { renderEvaluation } from "../../report/evaluation-page.ts";
import { evaluationText } from "../../report/evaluation-text.ts";
import { stageTable } from "../../report/table.ts";
import { type MeasuredFlags, openMeasuredModel } from "../measured-model.ts";
import { addMeasuring, addTask } from "../measured-task.ts";
import { MeasuringLine } from "../measuring-line.ts";
import { closing } from "../open-text-model.ts";
import { addDevice, addExamples, addJson, addSeed, addSet, wholeNumber } from "../options.ts";
import { checkOutFile } from "../out-file.ts";
import { Output } from "../output.ts";
import { addTextModel } from "../text-flags.ts";

interface Flags extends MeasuredFlags {
  split: "test" | "validation";
  out?: string;
  page?: string;
  json?: boolean;
}

/** `reckon eval --model M`: accuracy on held-out problems, and what else their answers show. */
export function evalCommand(): Command {
  const command = new Command("eval")
    .summary("measure a model on held-out problems")
    .description(
      "Measure a model on held-out problems: those of --task, or of the recipe that is given; else of the run that trained it, " +
        "or of the task in an arithmetic model's config.json. Accuracy is of one greedy attempt at each problem; --k draws " +
        "further ones, for pass@k and maj@k. The same seed and n are the same problems; training never saw one of them.",
    );
  addTextModel(command);
  addTask(command)
    .option("--recipe <file>", "measure on the problems of this recipe's task")
    .option("--n <n>", "problems (default: the recipe's, else 1000)", wholeNumber(1, 1e6))
    .addOption(new Option("--split <name>", "which held-out problems").choices(["test", "validation"]).default("test"));
  addMeasuring(command)
    .option("--out <file>", "write every attempt there, one JSON object per line; reckon compare reads it")
    .option(
      "--page <file>",
      "write an HTML page there with every response, the answer found in it and the rule that found it",
    );
  addSet(command);
  addSeed(command, "names problems, examples and attempts (default: the recipe's, else 1, which recipes measure on)");
  addDevice(command);
  addJson(command);
  addExamples(
    command,
    "eval --model runs/quickstart",
    "eval --model runs/quickstart --n 5000 --seed 7 --out attempts.jsonl",
    "eval --model HuggingFaceTB/SmolLM2-135M-Instruct --recipe recipes/smollm2-svamp.yaml --n 100",
    "eval --model Qwen/Qwen2.5-0.5B --task gsm8k --template plain --few-shot 4 --k 8 --n 200 --page gsm8k.html",
  );
  return command.action(async (given: Flags) => {
    const flags = { ...given, ...(command.getOptionValueSource("weights") === "default" && { weights: undefined }) };
    const { split } = flags;
    const output = new Output(flags);
    checkOutFile(flags.out);
    checkOutFile(flags.page, "--page");
    const measured = await openMeasuredModel(flags, output);
    const { policy, task, evaluation, model, taskName } = measured;
    const { problems: wanted = { atMost: 1000 }, seed } = evaluation;
    const result = await closing(measured, () => {
      const prompts = task.prompts(split, wanted, seed);
      if (prompts.length === 0)
        throw new DataError(
          `--split ${split}: there are no problems for it; set validation.problems in a recipe, or use test`,
        );
      const options = evaluateOptions(split, evaluation, task);
      const line = new MeasuringLine("measuring", evaluationAttempts(prompts.length, options));
      return evaluate(policy, prompts, task.grading, options, (done) => line.advance(done)).finally(() => line.clear());
    });
    const { summary } = result;
    const records = evaluationRecords({ stage: split, step: 0 }, result);
    if (flags.out) writeFileSync(flags.out, records.map((one) => `${JSON.stringify(one)}\n`).join(""));
    if (flags.page) {
      const { adapter } = flags;
      const decoding = { decoding: "greedy", "longest completion": `${task.maxNewTokens} tokens` };
      const facts = { task: taskName, split, seed, ...(adapter && { adapter }), ...decoding };
      writeFileSync(flags.page, renderEvaluation({ title: flags.model, version, facts, summary, records }));
    }
    output.show(stageTable([summary], output.style));
    const details = evaluationText(summary, { limit: task.maxNewTokens }, output.style);
    if (details !== "") output.show(`\n${details}`);
    for (const [what, file] of [
      ["attempts", flags.out],
      ["page", flags.page],
    ])
      if (file) output.say(`${what?.padEnd(10)} ${file}`);
    const { name: _, ...figures } = summary;
    const { out, page } = flags;
    output.finish({
      model,
      task: taskName,
      split,
      seed,
      decoding: "greedy",
      ...figures,
      ...(out && { out }),
      ...(page && { page }),
    });
  });
}
