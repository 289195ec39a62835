import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { DataError } from "../base/errors.ts";
import type { TextModelOptions } from "../pipeline/text-model.ts";
import type { SamplingOptions } from "../rollout/sampling.ts";
import { type DeviceFlags, deviceOptions, number, repeated, wholeNumber } from "./options.ts";

/** What commands on published models share: the model, an adapter, and how weights are held. */
export interface TextModelFlags extends DeviceFlags {
  model: string;
  adapter?: string;
  weights: "stored" | "f32" | "bf16" | "int8" | "nf4";
  context?: number;
}

/** `--model`, `--adapter`, `--weights`, `--context`. @param options required: whether `--model` must be given */
export function addTextModel(command: Command, { required = true } = {}): Command {
  const model = new Option(
    "--model <model>",
    "a directory, a .gguf file, a hub id such as HuggingFaceTB/SmolLM2-135M-Instruct, or a run of such a model",
  );
  return command
    .addOption(model.makeOptionMandatory(required))
    .option("--adapter <dir>", "LoRA adapter to put on it: a directory in PEFT's format, or a run that trained one")
    .addOption(
      new Option("--weights <format>", "how weights are held in memory; stored: as in the checkpoint")
        .choices(["stored", "f32", "bf16", "int8", "nf4"])
        .default("stored"),
    )
    .option(
      "--context <n>",
      "longest sequence, prompt and completion together (default: the model's)",
      wholeNumber(16, 1_048_576),
    );
}

/** The flags of `addTextModel` as `openTextModel` takes them. */
export function textModelOptions(flags: TextModelFlags): Omit<TextModelOptions, "onDownload"> {
  const { adapter, weights, context } = flags;
  return { adapter, weights, context, device: deviceOptions(flags) };
}

/** `--template`. */
export function addTemplate(command: Command): Command {
  return command.option("--template <file>", "a Jinja chat template to use in place of the model's own");
}

/** The template that `--template` names; undefined without it. @throws DataError when it cannot be read */
export function readTemplate({ template }: { template?: string }): string | undefined {
  if (template === undefined) return undefined;
  try {
    return readFileSync(template, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DataError(`--template ${template}: cannot be read (${code}); check the path`, { cause: error });
  }
}

/** How tokens are drawn. */
export interface SamplingFlags {
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  maxNewTokens: number;
  minNewTokens: number;
  stop: string[];
  stopToken: number[];
}

/** Options of `SamplingFlags`. @param byDefault temperature and longest completion, where not given */
export function addSampling(command: Command, byDefault: { temperature: number; maxNewTokens: number }): Command {
  return command
    .option(
      "--temperature <t>",
      "divides the logits; 0: always the likeliest token",
      number(0, 10),
      byDefault.temperature,
    )
    .option("--top-k <k>", "sample from the k likeliest tokens; 0: all", wholeNumber(0), 0)
    .option("--top-p <p>", "sample from the smallest set with this mass; 1: all", number(1e-6, 1), 1)
    .option(
      "--min-p <p>",
      "leave out tokens less likely than this share of the likeliest; 0: none",
      number(0, 0.999999),
      0,
    )
    .option("--repetition-penalty <x>", "makes tokens that were there less likely; 1: no penalty", number(0.01, 100), 1)
    .option("--max-new-tokens <n>", "longest completion", wholeNumber(1), byDefault.maxNewTokens)
    .option("--min-new-tokens <n>", "no completion ends before", wholeNumber(0), 0)
    .option("--stop <text>", "end a completion with this text; may be repeated", repeated, [])
    .option(
      "--stop-token <id>",
      "end a completion with this token; may be repeated",
      (text, before: number[]) => [...before, tokenId(text)],
      [],
    );
}

const tokenId = wholeNumber(0);

/** The flags of `addSampling` as the rollout takes them. */
export function samplingOptions({ stop, stopToken, ...flags }: SamplingFlags): SamplingOptions {
  const { temperature, topK, topP, minP, repetitionPenalty, maxNewTokens, minNewTokens } = flags;
  const ends = { stopStrings: stop, stopTokens: stopToken };
  return { temperature, topK, topP, minP, repetitionPenalty, maxNewTokens, minNewTokens, ...ends };
}
