import { statSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { ConfigError, DataError } from "../../base/errors.ts";
import { attemptProblems } from "../../eval/attempt-problems.ts";
import { measuredOf } from "../../eval/evaluate.ts";
import { summarizeProbe } from "../../eval/probe.ts";
import { measuredRecord } from "../../pipeline/attempt-record.ts";
import { isReinforcement, type PpoStage, type Recipe, type RlStage } from "../../pipeline/recipe.ts";
import { probeText, probeVerdict } from "../../report/probe-text.ts";
import { UsageError } from "../failure.ts";
import { type MeasuredFlags, openMeasuredModel } from "../measured-model.ts";
import { addTask } from "../measured-task.ts";
import { MeasuringLine } from "../measuring-line.ts";
import { closing } from "../open-text-model.ts";
import { addDevice, addExamples, addJson, addSeed, addSet, number, wholeNumber } from "../options.ts";
import { checkOutFile } from "../out-file.ts";
import { Output } from "../output.ts";
import { readRecipeFile } from "../recipe-file.ts";
import { addTextModel } from "../text-flags.ts";

interface Flags extends Omit<MeasuredFlags, "model" | "fewShot"> {
  model?: string;
  stage?: string;
  n: number;
  out?: string;
  json?: boolean;
}

/** `reckon probe`: what reinforcement would meet, before any training. */
export function probeCommand(): Command {
  const command = new Command("probe")
    .summary("what reinforcement would meet: solve rates, spread, length")
    .description(
      "Before training: sample some attempts at some training problems, as a stage of reinforcement would, and say in plain " +
        "words what it will meet. Model, problems and sampling are those of a recipe, or named by --model and --task.",
    );
  addTextModel(command, { required: false });
  addTask(command)
    .option("--recipe <file>", "recipe to take model, problems and sampling from")
    .option("--stage <name>", "its stage of reinforcement (default: the first)")
    .option("--n <n>", "problems", wholeNumber(1, 100_000), 32)
    .option("--k <k>", "attempts at each (default: the stage's group, at least 4; else 8)", wholeNumber(2, 1024))
    .option("--temperature <t>", "of sampling (default: the stage's, else 1)", number(1e-3, 10))
    .option(
      "--top-p <p>",
      "sample from the smallest set of tokens with this mass (default: the stage's, else 1)",
      number(1e-6, 1),
    )
    .option("--out <file>", "write every attempt there, one JSON object per line");
  addSet(command);
  addSeed(command, "names problems and attempts (default: the recipe's, else 0)");
  addDevice(command);
  addJson(command);
  addExamples(
    command,
    "probe --recipe recipes/smollm2-svamp.yaml --n 64",
    "probe --recipe recipes/quickstart.yaml --model runs/quickstart",
    "probe --model Qwen/Qwen2.5-0.5B-Instruct --task gsm8k --k 16",
  );
  return command.action(async (given: Flags) => {
    const output = new Output(given);
    checkOutFile(given.out);
    const recipe = given.recipe === undefined ? null : readRecipeFile(given.recipe, given.set);
    const stage = recipe && reinforcementOf(recipe, given);
    const model = given.model ?? recipe?.model.from;
    if (model === undefined)
      throw new UsageError("probe needs a model: give --model, or a recipe whose model.from names one");
    // PPO may make one attempt at each problem; a probe needs some.
    const {
      k = Math.max(4, stage?.group ?? 8),
      temperature = stage?.temperature ?? 1,
      topP = stage?.topP ?? 1,
    } = given;
    // Models of arithmetic have neither, and say so when a flag names one.
    const own = recipe?.task.kind === "words" ? recipe.model : null;
    const weights = command.getOptionValueSource("weights") === "default" ? own?.weights : given.weights;
    const context = given.context ?? own?.context;
    const { n, seed = recipe?.seed ?? 0 } = given;
    // A file by itself has no split: what it holds is what would be trained on.
    const fileAlone = given.task !== undefined && statSync(given.task, { throwIfNoEntry: false })?.isFile() === true;
    const flags = { ...given, model, weights, context, seed, fewShot: 0, training: !fileAlone };
    const measured = await openMeasuredModel(flags, output);
    const { policy, task } = measured;
    const answered = await closing(measured, () => {
      const prompts = task.prompts(fileAlone ? "test" : "reinforcement", { atMost: n }, seed);
      if (prompts.length === 0) throw new DataError("probe: there is no problem to attempt");
      const line = new MeasuringLine("probing", prompts.length * k);
      const { topK = 0, minP = 0 } = stage ?? {};
      return attemptProblems(policy, prompts, task.grading, {
        sampling: { ...task.sampling, temperature, topK, topP, minP },
        group: k,
        seed,
        onProgress: (ended) => line.advance(ended),
      }).finally(() => line.clear());
    });
    const probe = summarizeProbe(
      answered.map((list) => list.map(measuredOf)),
      task.maxNewTokens,
    );
    if (given.out) {
      const records = answered.flatMap((list) =>
        list.map((one, i) => ({ ...measuredRecord({ stage: "probe", step: 0 }, one), sample: i + 1 })),
      );
      writeFileSync(given.out, records.map((one) => `${JSON.stringify(one)}\n`).join(""));
    }
    const setting = { limit: task.maxNewTokens, temperature };
    output.show(probeText(probe, setting, output.style));
    if (given.out) output.say(`\nattempts  ${given.out}`);
    const { verdict, sentence } = probeVerdict(probe);
    const { taskName } = measured;
    output.finish({
      model,
      task: taskName,
      seed,
      temperature,
      maxNewTokens: task.maxNewTokens,
      verdict,
      sentence,
      ...probe,
    });
  });
}

/** The stage of reinforcement that is probed. @throws ConfigError when the recipe has none, or none of that name */
function reinforcementOf(recipe: Recipe, { stage: name, recipe: file }: Flags): RlStage | PpoStage {
  const stages = recipe.stages.filter(isReinforcement);
  const found = name === undefined ? stages[0] : stages.find((stage) => stage.name === name);
  if (found) return found;
  const there = stages.map((stage) => stage.name).join(", ") || "none";
  throw new ConfigError(
    `${file}: expected a stage of reinforcement${name ? ` named ${name}` : ""}, found ${there}; correct --stage`,
  );
}
