import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { formatTable } from "../../report/table.ts";
import { benchTiny } from "../../train/bench-tiny.ts";
import { addDevice, addExamples, addJson, addSeed, type DeviceFlags, deviceOptions, wholeNumber } from "../options.ts";
import { Output } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";
import { StepClock } from "../step-clock.ts";

interface Flags extends DeviceFlags {
  steps: number;
  seed: number;
  out?: string;
  json?: boolean;
}

/** `reckon bench tiny`: one GRPO step of a half-million-parameter model. */
export function benchTinyCommand(): Command {
  const command = new Command("tiny")
    .summary("time a GRPO step of a small dense model")
    .description(
      "Time GRPO steps of a Llama of 0.53 M parameters: 32 prompts × 4 completions of 32 tokens, all forced to full length, " +
        "every weight trained. Figures are medians over steps.",
    )
    .option("--steps <n>", "steps to time, after one that is not", wholeNumber(1, 100_000), 20)
    .option("--out <file>", "write the JSON object to a file, too");
  addSeed(command, "names weights, prompts and the random numbers of sampling", 0);
  addDevice(command);
  addJson(command);
  addExamples(command, "bench tiny", "bench tiny --threads 1 --precision f32 --json");
  return command.action(async (flags: Flags) => {
    const output = new Output(flags);
    const clock = new StepClock();
    let at = { step: 0, values: {} as Record<string, number> };
    const line = new ProgressLine(
      () => ({
        stage: "bench tiny",
        ...at,
        totalSteps: flags.steps,
        secondsLeft: clock.secondsLeft(flags.steps, performance.now()),
      }),
      { exclusive: false },
    );
    line.changed();
    const result = await benchTiny({
      ...deviceOptions(flags),
      steps: flags.steps,
      seed: flags.seed,
      onStep(step) {
        at = { step, values: {} };
        clock.mark(step, performance.now());
        line.changed();
      },
    });
    line.clear();
    const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;
    const { isa, threads, precision, completionTokensPerSecond, peakRssMb } = result;
    const rows = [
      ["step", milliseconds(result.secondsPerStep)],
      ["  sampling", milliseconds(result.generateSeconds)],
      ["  update", milliseconds(result.updateSeconds)],
      ["completion tokens/s", completionTokensPerSecond.toFixed(0)],
      ["peak memory", `${peakRssMb} MiB`],
      ["device", `${isa}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${precision}`],
    ];
    const title = `median of ${flags.steps}`;
    output.show(
      formatTable(
        [
          { title: "tiny-dense", align: "left" },
          { title, align: "right" },
        ],
        rows,
        output.style,
      ),
    );
    if (flags.out) writeFileSync(flags.out, `${JSON.stringify(result)}\n`);
    output.finish(result);
  });
}
