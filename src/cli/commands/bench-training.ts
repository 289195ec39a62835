import { writeFileSync } from "node:fs";
import { Argument, Command } from "commander";
import type { DeviceOptions } from "../../engine/registry.ts";
import { formatTable } from "../../report/table.ts";
import { benchGrpo, type GrpoBenchResult, type GrpoWorkload, grpoWorkloads } from "../../train/bench-grpo.ts";
import { benchSft, type SftBenchResult, type SftWorkload, sftWorkloads } from "../../train/bench-sft.ts";
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

type Measure<R> = (
  options: DeviceOptions & { steps: number; seed: number; onStep: (step: number) => void },
) => Promise<R>;

/** `reckon bench tiny`: one GRPO step of a half-million-parameter model. */
export function benchTinyCommand(): Command {
  const command = new Command("tiny")
    .summary("time a GRPO step of a small dense model")
    .description(
      "Time GRPO steps of a Llama of 0.53 M parameters: 32 prompts × 4 completions of 32 tokens, all forced to full length, " +
        "every weight trained. Figures are medians over steps. The same as `bench grpo tiny-dense`.",
    );
  addBenchOptions(command, 20);
  addExamples(command, "bench tiny", "bench tiny --threads 1 --precision f32 --json");
  return command.action((flags: Flags) => timeGrpo("tiny-dense", flags));
}

/** `reckon bench grpo WORKLOAD`: one GRPO step of a model of a published shape. */
export function benchGrpoCommand(): Command {
  const command = new Command("grpo")
    .summary("time a GRPO step of a language model")
    .description(
      "Time GRPO steps, all completions forced to full length, random weights. smol-135m-lora: SmolLM2's shape, 2 prompts of " +
        "96 tokens × 8 completions of 64, LoRA of rank 16; granite-moe-1b-lora: Granite's shape, 32 experts of which 8 are " +
        "active, 1 prompt of 96 × 8 of 48; tiny-dense: see `bench tiny`. Figures are medians over steps.",
    )
    .addArgument(new Argument("<workload>", "what to time").choices(grpoWorkloads));
  addBenchOptions(command, 3);
  addExamples(command, "bench grpo smol-135m-lora --json");
  return command.action(timeGrpo);
}

/** `reckon bench sft WORKLOAD`: one supervised step of a model of a published shape. */
export function benchSftCommand(): Command {
  const command = new Command("sft")
    .summary("time a supervised step of a language model")
    .description(
      "Time supervised steps with LoRA of rank 16, random weights. smol-135m: SmolLM2's shape, 8 sequences of 256 tokens; " +
        "granite-moe-1b: Granite's shape, 4 of 256. Figures are medians over steps.",
    )
    .addArgument(new Argument("<workload>", "what to time").choices(sftWorkloads));
  addBenchOptions(command, 3);
  addExamples(command, "bench sft smol-135m --json");
  return command.action(async (workload: SftWorkload, flags: Flags) => {
    const { output, result } = await measured(workload, flags, (options) => benchSft(workload, options));
    show(output, result, [
      ["step", milliseconds(result.secondsPerStep)],
      ["tokens/s", result.tokensPerSecond.toFixed(0)],
    ]);
  });
}

function addBenchOptions(command: Command, steps: number): void {
  command
    .option("--steps <n>", "steps to time, after one that is not", wholeNumber(1, 100_000), steps)
    .option("--out <file>", "write the JSON object to a file, too");
  addSeed(command, "names weights, prompts and the random numbers of sampling", 0);
  addDevice(command);
  addJson(command);
}

async function timeGrpo(workload: GrpoWorkload, flags: Flags): Promise<void> {
  const { output, result } = await measured(workload, flags, (options) => benchGrpo(workload, options));
  show(output, result, [
    ["step", milliseconds(result.secondsPerStep)],
    ["  sampling", milliseconds(result.generateSeconds)],
    ["  update", milliseconds(result.updateSeconds)],
    ["completion tokens/s", result.completionTokensPerSecond.toFixed(0)],
  ]);
}

const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;

/** Runs a measurement under a progress line; writes the JSON object where it was asked for. */
async function measured<R extends object>(
  name: string,
  flags: Flags,
  measure: Measure<R>,
): Promise<{ output: Output; result: R }> {
  const output = new Output(flags);
  const clock = new StepClock();
  const { steps, seed } = flags;
  let done = 0;
  const line = new ProgressLine(
    () => ({
      stage: `bench ${name}`,
      step: done,
      totalSteps: steps,
      values: {},
      secondsLeft: clock.secondsLeft(steps, performance.now()),
    }),
    { exclusive: false },
  );
  line.changed();
  const onStep = (step: number) => {
    done = step;
    clock.mark(step, performance.now());
    line.changed();
  };
  const result = await measure({ ...deviceOptions(flags), steps, seed, onStep });
  line.clear();
  if (flags.out) writeFileSync(flags.out, `${JSON.stringify(result)}\n`);
  return { output, result };
}

/** The figures as a table, ending with memory and device; the JSON object where it was asked for. */
function show(output: Output, result: GrpoBenchResult | SftBenchResult, figures: [string, string][]): void {
  const { isa, threads, precision, peakRssMb, steps, workload } = result;
  const rows = [
    ...figures,
    ["peak memory", `${peakRssMb} MiB`],
    ["device", `${isa}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${precision}`],
  ];
  const columns = [
    { title: workload, align: "left" as const },
    { title: `median of ${steps}`, align: "right" as const },
  ];
  output.show(formatTable(columns, rows, output.style));
  output.finish(result);
}
