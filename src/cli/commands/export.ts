import { Command, Option } from "commander";
import { exportModel } from "../../model/export.ts";
import { tokenizerFiles } from "../../prompt/tokenizer-files.ts";
import { formatValue } from "../../report/format.ts";
import { listCheckpoints } from "../../runs/checkpoints.ts";
import { hasCritic } from "../../train/ppo-critic.ts";
import { UsageError } from "../failure.ts";
import { closing, openNamedModel } from "../open-text-model.ts";
import { addExamples, addJson, addProcessor } from "../options.ts";
import { Output } from "../output.ts";
import type { TextModelFlags } from "../text-flags.ts";

interface Flags extends Omit<TextModelFlags, "model" | "weights" | "context" | "precision"> {
  out: string;
  merge?: boolean;
  dtype?: "f32" | "bf16" | "f16";
  json?: boolean;
}

const dtypes = { f32: "F32", bf16: "BF16", f16: "F16" } as const;

/** `reckon export MODEL --out DIR`: an adapter or a full checkpoint as other programs read it. */
export function exportCommand(): Command {
  const command = new Command("export")
    .summary("write an adapter or a model for other programs")
    .description(
      "Write what a run has trained as other programs read it: an adapter in PEFT's layout, or with --merge a full checkpoint " +
        "in Hugging Face's layout with the adapter put into its weights. A model without an adapter is written as a full " +
        "checkpoint. What was written is read back, and its tensors and logits compared, before it gets its name.",
    )
    .argument("<model>", "a run, a directory, a .gguf file or a hub id")
    .requiredOption("--out <dir>", "where it goes; nothing is there yet")
    .option(
      "--adapter <dir>",
      "LoRA adapter to put on the model: a directory in PEFT's format, or a run that trained one",
    )
    .option("--merge", "put the adapter into the weights and write all of them")
    .addOption(
      new Option("--dtype <type>", "numbers of a full checkpoint (default: bf16)").choices(Object.keys(dtypes)),
    );
  addProcessor(command);
  addJson(command);
  addExamples(
    command,
    "export runs/smollm2-svamp --out svamp-adapter",
    "export runs/smollm2-svamp --merge --dtype f16 --out svamp-model",
  );
  return command.action(async (reference: string, flags: Flags) => {
    const { out, merge = false, dtype } = flags;
    const output = new Output(flags);
    // In f32, so that what is compared differs by what is written alone.
    const opened = { ...flags, model: reference, weights: "stored", precision: "f32" } as const;
    const model = await openNamedModel(opened, output);
    const form = merge || model.adapter === null ? "merged" : "adapter";
    const report = await closing(model, () => {
      if (form === "adapter" && dtype !== undefined)
        throw new UsageError(
          "--dtype: an adapter is written in f32; give --merge for a full checkpoint, or leave it out",
        );
      return exportModel(model.policy, out, {
        form,
        modelType: model.modelType,
        baseName: model.base,
        baseGguf: model.resolved.kind === "gguf" ? model.resolved.path : null,
        baseDirectory: model.resolved.kind === "directory" ? model.resolved.path : null,
        files: tokenizerFiles(model.tokenizer),
        dtype: dtypes[dtype ?? "bf16"],
      });
    });
    const { logitError, tolerance } = report;
    const notes = [...report.notes, ...remarksOnCritic([reference, model.adapter])];
    const what = form === "adapter" ? "adapter" : "model";
    output.show(`${what.padEnd(8)} ${out}`);
    const bound = tolerance === null ? "what rounding to this type does" : `${formatValue(tolerance)} allowed`;
    output.show(
      `verified read back: logits differ by at most ${formatValue(logitError)} of their deviation (${bound})`,
    );
    for (const note of notes) output.say(`note     ${note}`);
    output.finish({ model: reference, out, form, logitError, tolerance, notes });
  });
}

/** What to say where one of these is a checkpoint with a critic, or a run that has such checkpoints. */
function remarksOnCritic(places: readonly (string | null)[]): string[] {
  const trained = places.some(
    (place) => place !== null && [place, ...listCheckpoints(place).map(({ path }) => path)].some(hasCritic),
  );
  return trained ? ["the critic is left out: it was for training alone, and stays in the run's checkpoints"] : [];
}
