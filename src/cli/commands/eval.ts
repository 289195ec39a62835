import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { evaluate } from "../../eval/evaluate.ts";
import { measuredRecord } from "../../pipeline/attempt-record.ts";
import { modelDirectory } from "../../pipeline/model-directory.ts";
import { openModel } from "../../pipeline/open-model.ts";
import { stageTable } from "../../report/table.ts";
import { greedy } from "../../rollout/sampling.ts";
import {
  addDevice,
  addExamples,
  addJson,
  addModel,
  addSeed,
  type DeviceFlags,
  deviceOptions,
  wholeNumber,
} from "../options.ts";
import { Output } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";
import { StepClock } from "../step-clock.ts";

interface Flags extends DeviceFlags {
  model: string;
  n: number;
  split: "test" | "validation";
  seed: number;
  out?: string;
  json?: boolean;
}

/** `reckon eval --model DIR`: accuracy on fresh problems of the task the model was trained on. */
export function evalCommand(): Command {
  const command = new Command("eval")
    .summary("measure a model on held-out problems")
    .description(
      "Measure a model, greedily, on held-out problems of the task in its config.json. The same seed and n are the same " +
        "problems; training never saw one of them.",
    );
  addModel(command)
    .option("--n <n>", "problems", wholeNumber(1, 1e6), 1000)
    .addOption(new Option("--split <name>", "which held-out problems").choices(["test", "validation"]).default("test"))
    .option("--out <file>", "write every attempt there, one JSON object per line");
  addSeed(command, "names the problems; 1 is what recipes measure on", 1);
  addDevice(command);
  addJson(command);
  addExamples(
    command,
    "eval --model runs/quickstart",
    "eval --model runs/quickstart --n 5000 --seed 7 --out attempts.jsonl",
  );
  return command.action(async (flags: Flags) => {
    const { n, split, seed } = flags;
    const output = new Output(flags);
    const dir = modelDirectory(flags.model);
    const model = openModel(dir, deviceOptions(flags));
    const { task, policy } = model;
    const prompts = task.prompts(split, n, seed);
    const clock = new StepClock();
    let done = 0;
    const line = new ProgressLine(
      () => ({
        stage: "measuring",
        step: done,
        totalSteps: n,
        values: {},
        secondsLeft: clock.secondsLeft(n, performance.now()),
      }),
      { exclusive: false },
    );
    const advance = (answered: number) => {
      done = answered;
      clock.mark(done, performance.now());
      line.changed();
    };
    advance(0);
    const options = { name: split, sampling: greedy(task.maxNewTokens), seed };
    const { summary, attempts } = await evaluate(policy, prompts, task.grading, options, advance);
    line.clear();
    model.close();
    const at = { stage: split, step: 0 };
    if (flags.out)
      writeFileSync(flags.out, attempts.map((one) => `${JSON.stringify(measuredRecord(at, one))}\n`).join(""));
    output.show(stageTable([summary], output.style));
    const { accuracy, ci95, formatAccuracy, seconds } = summary;
    output.finish({ model: dir, split, seed, decoding: "greedy", accuracy, ci95, formatAccuracy, n, seconds });
  });
}
