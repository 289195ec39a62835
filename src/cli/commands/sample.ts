import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { isLanguageModel, modelDirectory } from "../../pipeline/model-directory.ts";
import { openModel } from "../../pipeline/open-model.ts";
import { type AnsweredQuestion, sampleModel } from "../../pipeline/sample-model.ts";
import { formatSample } from "../../report/sample.ts";
import { splitCompletion } from "../../report/steps.ts";
import { UsageError } from "../failure.ts";
import {
  addDevice,
  addExamples,
  addJson,
  addModel,
  addSeed,
  type DeviceFlags,
  deviceOptions,
  number,
  wholeNumber,
} from "../options.ts";
import { Output } from "../output.ts";

interface Flags extends DeviceFlags {
  model: string;
  temperature: number;
  topK: number;
  topP: number;
  samples: number;
  seed: number;
  out?: string;
  json?: boolean;
}

/** `reckon sample --model DIR EXPRESSION...`: the model's steps and answer. */
export function sampleCommand(): Command {
  const command = new Command("sample")
    .summary("ask a model for the value of an expression and see its steps")
    .description("Ask a model for the value of expressions; shows its steps and whether the answer is right.")
    .argument("<expressions...>", 'in quotes, e.g. "8+(5-9)"; begin with -- when one starts with a minus sign');
  addModel(command)
    .option("--temperature <t>", "divides the logits; 0: always the most likely token", number(0, 10), 0)
    .option("--top-k <k>", "sample from the k most likely tokens; 0: all", wholeNumber(0), 0)
    .option("--top-p <p>", "sample from the smallest set with this mass; 1: all", number(1e-6, 1), 1)
    .option(
      "--samples <n>",
      "attempts at each expression; more than one needs a temperature",
      wholeNumber(1, 10_000),
      1,
    )
    .option("--out <file>", "write the JSON object to a file, too");
  addSeed(command, "names the random numbers of sampling", 0);
  addDevice(command);
  addJson(command);
  addExamples(
    command,
    'sample --model runs/quickstart "8+(5-9)"',
    'sample --model runs/quickstart --temperature 1 --samples 4 "8+(5-9)"',
  );
  return command.action(async (expressions: string[], flags: Flags) => {
    const { temperature, topK, topP, samples, seed } = flags;
    if (samples > 1 && temperature === 0)
      throw new UsageError("--samples: at temperature 0 all attempts are the same; give --temperature, e.g. 1");
    if (isLanguageModel(flags.model))
      throw new UsageError(
        `${flags.model}: sample asks models made for arithmetic; this one has words: use reckon chat or reckon generate`,
      );
    const output = new Output(flags);
    const dir = modelDirectory(flags.model);
    const model = openModel(dir, deviceOptions(flags));
    const answered = await sampleModel(model, expressions, { temperature, topK, topP, samples, seed });
    model.close();
    output.show(answered.map((one) => formatSample(toSample(one), output.style)).join("\n\n"));
    const result = { model: dir, samples: answered.map(toJson) };
    if (flags.out) writeFileSync(flags.out, `${JSON.stringify(result)}\n`);
    output.finish(result);
  });
}

const toSample = ({ prompt, attempt, parts, answer }: AnsweredQuestion) => ({
  question: prompt.problem.question,
  completion: attempt.text,
  answer,
  gold: prompt.problem.answer,
  right: parts.correct === 1,
  stop: attempt.stop,
});

const toJson = (one: AnsweredQuestion) => ({
  ...toSample(one),
  steps: splitCompletion(one.attempt.text).steps,
  tokens: one.attempt.tokens.length,
});
