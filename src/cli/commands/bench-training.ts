import { writeFileSync } from "node:fs";
import { Argument, Command, Option } from "commander";
import type { DeviceOptions } from "../../engine/registry.ts";
import { formatTable } from "../../report/table.ts";
import {
  benchGrpo,
  type GrpoBenchResult,
  type GrpoBenchSizes,
  type GrpoWorkload,
  grpoWorkloads,
} from "../../train/bench-grpo.ts";
import {
  benchSft,
  type SftBenchResult,
  type SftBenchSizes,
  type SftWorkload,
  sftWorkloads,
} from "../../train/bench-sft.ts";
import { benchWeights } from "../../train/bench-workloads.ts";
import { addDevice, addExamples, addJson, addSeed, type DeviceFlags, deviceOptions, wholeNumber } from "../options.ts";
import { Output } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";
import { StepClock } from "../step-clock.ts";

interface Flags extends DeviceFlags, Partial<Omit<GrpoBenchSizes & SftBenchSizes, "gradientCheckpointing">> {
  steps: number;
  warmUp: number;
  seed: number;
  checkpointing?: boolean;
  out?: string;
  json?: boolean;
}

type Measure<R> = (
  options: DeviceOptions & { steps: number; warmUp: number; seed: number; onStep: (step: number) => void },
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
        "96 tokens × 8 completions of 64, LoRA of rank 16; smol-360m-lora: the same of the larger one; granite-moe-1b-lora: " +
        "Granite's shape, 32 experts of which 8 are active, 1 prompt of 96 × 8 of 48; tiny-dense: see `bench tiny`. Figures are " +
        "medians over steps. With other sizes, passes are cut into micro-batches as in training.",
    )
    .addArgument(new Argument("<workload>", "what to time").choices(grpoWorkloads));
  addSizes(command, {
    prompts: "prompts a step",
    group: "completions of each prompt",
    "prompt-tokens": "tokens of a prompt",
    "completion-tokens": "tokens of a completion",
  });
  addBenchOptions(command, 3);
  addExamples(
    command,
    "bench grpo smol-135m-lora --json",
    "bench grpo smol-135m-lora --prompts 1 --group 8 --completion-tokens 4096 --steps 1",
  );
  return command.action(timeGrpo);
}

/** `reckon bench sft WORKLOAD`: one supervised step of a model of a published shape. */
export function benchSftCommand(): Command {
  const command = new Command("sft")
    .summary("time a supervised step of a language model")
    .description(
      "Time supervised steps with LoRA of rank 16, random weights. smol-135m: SmolLM2's shape, 8 sequences of 256 tokens; " +
        "smol-360m: the same of the larger one; granite-moe-1b: Granite's shape, 4 of 256; tiny-dense: see `bench tiny`, 32 of 64, " +
        "every weight trained. Figures are medians over steps. With other sizes, passes are cut into micro-batches as in training.",
    )
    .addArgument(new Argument("<workload>", "what to time").choices(sftWorkloads));
  addSizes(command, { batch: "sequences a step", length: "tokens of a sequence" });
  addBenchOptions(command, 3);
  addExamples(command, "bench sft smol-135m --json", "bench sft granite-moe-1b --length 2048 --batch 1 --weights nf4");
  return command.action(async (workload: SftWorkload, flags: Flags) => {
    const { output, result } = await measured(workload, flags, (options) =>
      benchSft(workload, { ...options, sizes: sizesIn(flags) }),
    );
    show(output, result, [
      ["step", milliseconds(result.secondsPerStep)],
      ["tokens/s", result.tokensPerSecond.toFixed(0)],
    ]);
  });
}

/** Sizes of a workload that may be told otherwise. @param counts those that are numbers of its own, by flag */
function addSizes(command: Command, counts: Readonly<Record<string, string>>): void {
  for (const [flag, what] of Object.entries(counts))
    command.option(`--${flag} <n>`, `${what} (default: the workload's)`, wholeNumber(1, 1e6));
  command
    .option("--rank <n>", "LoRA's rank; 0: every weight is trained (default: the workload's)", wholeNumber(0, 65536))
    .option("--layers <n>", "blocks of the model (default: as published)", wholeNumber(1, 1024))
    .addOption(
      new Option("--weights <format>", "how frozen weights are held (default: bf16)").choices([...benchWeights]),
    )
    .option("--micro-batch-tokens <n>", "rows of a pass, at most, or auto", rowsOrAuto)
    .option("--checkpointing", "compute each block again on the way back");
}

const rowsOrAuto = (text: string): number | "auto" => (text === "auto" ? text : wholeNumber(16)(text));

/** Those that were given. */
const sizesIn = (flags: Flags): Partial<GrpoBenchSizes & SftBenchSizes> => {
  const { prompts, group, promptTokens, completionTokens, batch, length, rank, layers, weights } = flags;
  const { microBatchTokens, checkpointing } = flags;
  const asked = { prompts, group, promptTokens, completionTokens, batch, length, rank, layers, weights };
  const all = { ...asked, microBatchTokens, gradientCheckpointing: checkpointing };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
};

function addBenchOptions(command: Command, steps: number): void {
  command
    .option("--steps <n>", "steps to time, after those that are not", wholeNumber(1, 100_000), steps)
    .option("--warm-up <n>", "steps that are not timed, at the beginning", wholeNumber(0, 1000), 1)
    .option("--out <file>", "write the JSON object to a file, too");
  addSeed(command, "names weights, prompts and the random numbers of sampling", 0);
  addDevice(command);
  addJson(command);
}

async function timeGrpo(workload: GrpoWorkload, flags: Flags): Promise<void> {
  const { output, result } = await measured(workload, flags, (options) =>
    benchGrpo(workload, { ...options, sizes: sizesIn(flags) }),
  );
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
  const { steps, warmUp, seed } = flags;
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
  const result = await measure({ ...deviceOptions(flags), steps, warmUp, seed, onStep });
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
