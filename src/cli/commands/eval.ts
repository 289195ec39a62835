import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import { DataError } from "../../base/errors.ts";
import { evaluate } from "../../eval/evaluate.ts";
import { measuredRecord } from "../../pipeline/attempt-record.ts";
import { stageTable } from "../../report/table.ts";
import { greedy } from "../../rollout/sampling.ts";
import { type MeasuredFlags, openMeasuredModel } from "../measured-model.ts";
import { closing } from "../open-text-model.ts";
import { addDevice, addExamples, addJson, addSeed, addSet, wholeNumber } from "../options.ts";
import { checkOutFile } from "../out-file.ts";
import { Output } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";
import { StepClock } from "../step-clock.ts";
import { addTextModel } from "../text-flags.ts";

interface Flags extends MeasuredFlags {
  n?: number;
  split: "test" | "validation";
  seed?: number;
  out?: string;
  json?: boolean;
}

/** `reckon eval --model M`: accuracy on held-out problems. */
export function evalCommand(): Command {
  const command = new Command("eval")
    .summary("measure a model on held-out problems")
    .description(
      "Measure a model, greedily, on held-out problems: of the recipe that is given; else of the run that trained it, or of the " +
        "task in an arithmetic model's config.json. The same seed and n are the same problems; training never saw one of them.",
    );
  addTextModel(command)
    .option("--recipe <file>", "measure on the problems of this recipe's task")
    .option("--n <n>", "problems (default: the recipe's, else 1000)", wholeNumber(1, 1e6))
    .addOption(new Option("--split <name>", "which held-out problems").choices(["test", "validation"]).default("test"))
    .option("--out <file>", "write every attempt there, one JSON object per line");
  addSet(command);
  addSeed(command, "names the problems (default: the recipe's, else 1, which recipes measure on)");
  addDevice(command);
  addJson(command);
  addExamples(
    command,
    "eval --model runs/quickstart",
    "eval --model runs/quickstart --n 5000 --seed 7 --out attempts.jsonl",
    "eval --model HuggingFaceTB/SmolLM2-135M-Instruct --recipe recipes/smollm2-svamp.yaml --n 100",
  );
  return command.action(async (given: Flags) => {
    const flags = { ...given, ...(command.getOptionValueSource("weights") === "default" && { weights: undefined }) };
    const { split } = flags;
    const output = new Output(flags);
    checkOutFile(flags.out);
    const measured = await openMeasuredModel(flags, output);
    const { policy, task, evaluation, model } = measured;
    const { n: wanted = evaluation?.problems ?? { atMost: 1000 }, seed = evaluation?.seed ?? 1 } = flags;
    const { summary, attempts } = await closing(measured, () => {
      const prompts = task.prompts(split, wanted, seed);
      if (prompts.length === 0)
        throw new DataError(
          `--split ${split}: the recipe keeps no problems for it; set validation.problems, or use test`,
        );
      const line = new MeasuringLine(prompts.length);
      line.advance(0);
      const options = { name: split, sampling: { ...task.sampling, ...greedy(task.maxNewTokens) }, seed };
      return evaluate(policy, prompts, task.grading, options, (done) => line.advance(done)).finally(() => line.clear());
    });
    const at = { stage: split, step: 0 };
    if (flags.out)
      writeFileSync(flags.out, attempts.map((one) => `${JSON.stringify(measuredRecord(at, one))}\n`).join(""));
    output.show(stageTable([summary], output.style));
    const { accuracy, ci95, formatAccuracy, n, seconds } = summary;
    output.finish({ model, split, seed, decoding: "greedy", accuracy, ci95, formatAccuracy, n, seconds });
  });
}

/** How many problems have been answered. */
class MeasuringLine {
  readonly #clock = new StepClock();
  readonly #line: ProgressLine;
  #done = 0;

  constructor(total: number) {
    const state = () => ({
      stage: "measuring",
      step: this.#done,
      totalSteps: total,
      values: {},
      secondsLeft: this.#clock.secondsLeft(total, performance.now()),
    });
    this.#line = new ProgressLine(state, { exclusive: false });
  }

  advance(done: number): void {
    this.#done = done;
    this.#clock.mark(done, performance.now());
    this.#line.changed();
  }

  clear(): void {
    this.#line.clear();
  }
}
