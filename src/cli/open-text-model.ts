import { openTextModel, type TextModel } from "../pipeline/text-model.ts";
import { ProgressLine } from "./progress-line.ts";
import { StepClock } from "./step-clock.ts";
import { type TextModelFlags, textModelOptions } from "./text-flags.ts";

const megabyte = 1e6;

/**
 * Opens the model that `--model` and `--adapter` name; a download is shown while it goes on.
 *
 * @throws CheckpointError, DeviceError as `openTextModel`
 */
export async function openNamedModel(flags: TextModelFlags): Promise<TextModel> {
  const clock = new StepClock();
  let at = { step: 0, totalSteps: 0, file: "" };
  const line = new ProgressLine(
    () => ({
      stage: `fetching ${at.file}, MB`,
      step: at.step,
      totalSteps: at.totalSteps,
      values: {},
      secondsLeft: clock.secondsLeft(at.totalSteps, performance.now()),
    }),
    { exclusive: false },
  );
  try {
    return await openTextModel(flags.model, {
      ...textModelOptions(flags),
      onDownload({ file, doneBytes, totalBytes }) {
        at = { step: doneBytes / megabyte, totalSteps: Math.ceil(totalBytes / megabyte), file };
        clock.mark(at.step, performance.now());
        line.changed();
      },
    });
  } finally {
    line.clear();
  }
}
