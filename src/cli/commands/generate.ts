import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { mean } from "../../base/statistics.ts";
import { type PromptRow, promptIds, readPrompts } from "../../pipeline/read-prompts.ts";
import { createTextStream } from "../../prompt/text-tokenizer.ts";
import { formatCount } from "../../report/format.ts";
import type { RolloutProgress } from "../../rollout/generation.ts";
import { sampleAttempts } from "../../rollout/rollout.ts";
import { UsageError } from "../failure.ts";
import { closing, openNamedModel } from "../open-text-model.ts";
import { addDevice, addExamples, addJson, addSeed, wholeNumber } from "../options.ts";
import { checkOutFile } from "../out-file.ts";
import { Output } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";
import { StepClock } from "../step-clock.ts";
import {
  addSampling,
  addTemplate,
  addTextModel,
  readTemplate,
  type SamplingFlags,
  samplingOptions,
  type TextModelFlags,
} from "../text-flags.ts";

interface Flags extends TextModelFlags, SamplingFlags {
  prompts: string;
  chat?: boolean;
  template?: string;
  samples: number;
  maxActive: number;
  logps?: boolean;
  seed: number;
  out?: string;
  json?: boolean;
}

/** `reckon generate --model M --prompts FILE`: completions of many prompts. */
export function generateCommand(): Command {
  const command = new Command("generate")
    .summary("complete prompts from a file")
    .description(
      'Complete every prompt of a file: a text file with one a line, or a .jsonl file of {"prompt"}, {"messages"} or {"ids"}. ' +
        "A completion depends on the model, its prompt and the seed, never on what else is in the file.",
    );
  addTextModel(command)
    .requiredOption("--prompts <file>", "what to complete")
    .option("--chat", "put each prompt to the model as a user's message, in its chat template");
  addTemplate(command);
  addSampling(command, { temperature: 0, maxNewTokens: 128 })
    .option("--samples <n>", "completions of each; more than one needs a temperature", wholeNumber(1, 10_000), 1)
    .option(
      "--max-active <n>",
      "completions under way at once; changes memory and speed alone",
      wholeNumber(1, 4096),
      64,
    )
    .option("--logps", "also write every token's id and log-probability")
    .option("--out <file>", "write completions there, one JSON object per line");
  addSeed(command, "names the random numbers of sampling", 0);
  addDevice(command);
  addJson(command);
  addExamples(
    command,
    "generate --model HuggingFaceTB/SmolLM2-135M-Instruct --prompts questions.txt --chat",
    "generate --model model.gguf --adapter runs/svamp --prompts rows.jsonl --temperature 1 --samples 4 --out out.jsonl",
  );
  return command.action(async (flags: Flags) => {
    const { samples, seed, maxActive, chat = false } = flags;
    const template = readTemplate(flags);
    if (samples > 1 && flags.temperature === 0)
      throw new UsageError("--samples: at temperature 0 all completions are the same; give --temperature, e.g. 1");
    const output = new Output(flags);
    checkOutFile(flags.out);
    const rows = readPrompts(flags.prompts);
    const model = await openNamedModel(flags, output);
    const { policy, tokenizer } = model;
    const began = performance.now();
    const { attempts, tokenCount } = await closing(model, () => {
      const prompts = rows.map((row) => promptIds(row, tokenizer, { chat, template }));
      return sampleAttempts(policy, prompts, {
        ...samplingOptions(flags),
        group: samples,
        eosId: tokenizer.stopIds,
        textStream: () => createTextStream(tokenizer),
        seed,
        maxActive,
        onProgress: progressOf(prompts.length * samples),
      });
    });
    const seconds = (performance.now() - began) / 1000;
    const textOf = (ids: readonly number[]) => tokenizer.decode(withoutEnd(ids, tokenizer.stopIds));
    const completions = rows.flatMap((row, p) =>
      attempts[p].map((attempt) => ({
        ...row,
        completion: textOf(attempt.tokens),
        stop: attempt.stop,
        tokens: attempt.tokens.length,
        // Not `ids`: those are a prompt's.
        ...(flags.logps && { completionIds: attempt.tokens, logps: [...attempt.logps] }),
        meanLogp: mean(attempt.logps),
      })),
    );
    if (flags.out) writeFileSync(flags.out, completions.map((one) => `${JSON.stringify(one)}\n`).join(""));
    else
      output.show(
        completions
          .map((row) => `${output.style.dim("ids" in row ? textOf(row.ids) : promptText(row))}\n${row.completion}`)
          .join("\n\n"),
      );
    output.say(`${formatCount(tokenCount)} tokens, ${(tokenCount / seconds).toFixed(1)} a second`);
    output.finish({ model: flags.model, completions, tokens: tokenCount, seconds });
  });
}

/** Draws a line of how many completions have ended. */
function progressOf(total: number): (progress: RolloutProgress) => void {
  const clock = new StepClock();
  let done = 0;
  const line = new ProgressLine(
    () => ({
      stage: "generating",
      step: done,
      totalSteps: total,
      values: {},
      secondsLeft: clock.secondsLeft(total, performance.now()),
    }),
    { exclusive: false },
  );
  return ({ attempts }) => {
    if (attempts !== done) clock.mark(attempts, performance.now());
    done = attempts;
    if (done === total) line.clear();
    else line.changed();
  };
}

/** A completion's ids without the token that ends it, which is no part of its text. */
const withoutEnd = (tokens: readonly number[], stopIds: readonly number[]): readonly number[] =>
  stopIds.includes(tokens[tokens.length - 1]) ? tokens.slice(0, -1) : tokens;

/** A prompt as a person reads it. */
const promptText = (row: Exclude<PromptRow, { ids: number[] }>): string =>
  "prompt" in row ? row.prompt : row.messages.map(({ role, content }) => `${role}: ${content}`).join("\n");
