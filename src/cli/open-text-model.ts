import { openTextModel, type TextModel } from "../pipeline/text-model.ts";
import { DownloadLine } from "./download-line.ts";
import type { Output } from "./output.ts";
import { type TextModelFlags, textModelOptions } from "./text-flags.ts";

/**
 * Opens the model that `--model` and `--adapter` name; a download is shown while it goes on, and what is odd is said.
 *
 * @throws CheckpointError, ConfigError, DeviceError as `openTextModel`
 */
export async function openNamedModel(flags: TextModelFlags, output: Output): Promise<TextModel> {
  const download = new DownloadLine();
  let model: TextModel;
  try {
    model = await openTextModel(flags.model, {
      ...textModelOptions(flags),
      onDownload: (progress) => download.advance(progress),
    });
  } finally {
    download.clear();
  }
  for (const note of model.notes) output.say(output.remarkStyle.dim(note));
  return model;
}

/** Does something with a model and closes it, whatever comes of it. */
export async function closing<T>(model: { close(): void }, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    model.close();
  }
}
