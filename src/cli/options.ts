import { setPriority } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type DeviceOptions, MAX_THREADS } from "../engine/registry.ts";

/** Reads a whole number in a range. */
export const wholeNumber = (low: number, high = Number.MAX_SAFE_INTEGER) => inRange("a whole number", low, high, true);

/** Reads a number in a range. */
export const number = (low: number, high: number) => inRange("a number", low, high, false);

function inRange(noun: string, low: number, high: number, whole: boolean): (text: string) => number {
  const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`;
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(`Expected ${noun} ${range}.`);
  };
}

/** Reads `--threads`: `auto` or a number. */
function threads(text: string): number | "auto" {
  if (text === "auto") return "auto";
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= 1 && value <= MAX_THREADS) return value;
  throw new InvalidArgumentError(`Expected auto or a whole number from 1 to ${MAX_THREADS}.`);
}

/** Collects an option that may be given several times. */
export const repeated = (value: string, before: string[] = []): string[] => [...before, value];

/** Options that choose the device; each undefined when it was not given. */
export interface DeviceFlags {
  device?: DeviceOptions["name"];
  threads?: number | "auto";
  precision?: "auto" | "f32" | "bf16";
}

const seedLimit = 2 ** 31 - 1;

/** `--json`, which every command has. */
export function addJson(
  command: Command,
  what = "end standard output with one JSON object; everything else on standard error",
): Command {
  return command.option("--json", what);
}

/** `--seed`. */
export function addSeed(command: Command, what: string, byDefault?: number): Command {
  return command.option("--seed <n>", what, wholeNumber(0, seedLimit), byDefault);
}

/** `--set`. */
export function addSet(command: Command): Command {
  return command.option(
    "--set <path=value>",
    "change a field of the recipe, e.g. stages.grpo.beta=0; may be repeated",
    repeated,
  );
}

/** `--device` and `--threads`. @param otherwise as in `addDevice` */
export function addProcessor(command: Command, otherwise?: string): Command {
  command.addOption(
    new Option(
      "--device <name>",
      `native: C++ kernels; reference: plain TypeScript, hundreds of times slower (default: ${otherwise ?? "native"})`,
    ).choices(["native", "reference"]),
  );
  return addThreads(command, otherwise);
}

/** `--device`, `--threads` and `--precision`. @param otherwise what holds when one is not given, where that is not native, auto, auto */
export function addDevice(command: Command, otherwise?: string): Command {
  return addProcessor(command, otherwise).addOption(
    new Option(
      "--precision <p>",
      `operands of matrix products; auto: bf16 where the processor multiplies it faster (default: ${otherwise ?? "auto"})`,
    ).choices(["auto", "f32", "bf16"]),
  );
}

/** `--threads` and `--nice`. */
export function addThreads(command: Command, otherwise = "auto"): Command {
  return command
    .option("--threads <n>", `threads, or auto: all processors (default: ${otherwise})`, threads)
    .option("--nice <n>", "leave the processors to others first, 0 to 19 as in nice(1)", wholeNumber(0, 19))
    .hook("preAction", () => {
      // Threads that begin after this, of the engine and of training, inherit it.
      const { nice } = command.opts<{ nice?: number }>();
      if (nice !== undefined) setPriority(nice);
    });
}

/** Device flags as `openDevice` takes them. */
export function deviceOptions({ device = "native", threads = "auto", precision = "auto" }: DeviceFlags): DeviceOptions {
  return { name: device, threads, precision };
}

/** Device flags as settings of a recipe. */
function deviceSettings({ device, threads, precision }: DeviceFlags): string[] {
  return settings({ "device.name": device, "device.threads": threads, "device.precision": precision });
}

/** `path=value` settings of the values that are given. */
export function settings(values: Record<string, string | number | undefined>): string[] {
  return Object.entries(values).flatMap(([path, value]) => (value === undefined ? [] : [`${path}=${value}`]));
}

/** Ends a command's help with examples. */
export function addExamples(command: Command, ...examples: string[]): Command {
  const title = examples.length === 1 ? "Example:" : "Examples:";
  return command.addHelpText("after", `\n${title}\n${examples.map((line) => `  $ npx reckon ${line}`).join("\n")}`);
}

/** `--model`. */
export function addModel(command: Command): Command {
  return command.requiredOption("--model <dir>", "directory of a model or of a finished run, e.g. runs/quickstart");
}

/** What `run`, `pretrain` and `rl` share besides the recipe: where the run goes and how it begins. */
export interface RunFlags extends DeviceFlags {
  name?: string;
  set?: string[];
  seed?: number;
  out: string;
  resume?: boolean;
  overwrite?: boolean;
  json?: boolean;
}

/** The options of `RunFlags`. @param name what the run is called otherwise */
export function addRunOptions(command: Command, name: string): Command {
  command
    .option("--name <name>", `name of the run and its directory (default: ${name})`)
    .option("--out <dir>", "directory that run directories are made in", "runs")
    .option("--resume", "go on with the run of this name; threads alone may change")
    .option("--overwrite", "delete a run of this name first");
  addSet(command);
  addSeed(command, "every random number comes from it (default: the recipe's)");
  addDevice(command, "the recipe's");
  return addJson(command);
}

/** The flags that are fields of a recipe, as settings; flags win over `--set`. */
export function recipeSettings(flags: RunFlags): string[] {
  return [...(flags.set ?? []), ...settings({ name: flags.name, seed: flags.seed }), ...deviceSettings(flags)];
}
