import { join } from "node:path";
import { parseConfig } from "../base/config.ts";
import { CheckpointError } from "../base/errors.ts";
import { type DeviceOptions, openDevice } from "../engine/registry.ts";
import { loadModel } from "../model/checkpoint.ts";
import { closePolicy, type Policy } from "../model/policy.ts";
import { type ArithmeticTask, arithmeticTask } from "./arithmetic-task.ts";
import { recipeSchema } from "./recipe.ts";
import type { ArithmeticSettings } from "./recipe-task.ts";

/** A trained model, ready to answer the task it was trained on. */
export interface OpenModel {
  policy: Policy;
  /** The task as its config.json describes it. */
  settings: ArithmeticSettings;
  task: ArithmeticTask;
  /** Gives memory and threads back. */
  close(): void;
}

/**
 * Opens a model directory on a device of its own.
 *
 * @throws CheckpointError when a file is missing, truncated or foreign; ConfigError when its task is not one of ours;
 * DeviceError
 */
export function openModel(dir: string, deviceOptions: DeviceOptions): OpenModel {
  const device = openDevice(deviceOptions);
  try {
    const { policy, manifest } = loadModel(device, dir, { trained: false });
    const where = `task of ${join(dir, "config.json")}`;
    const settings = parseConfig(manifest.task ?? {}, recipeSchema.shape.task, where);
    if (settings.kind === "words") throw new CheckpointError(`${where}: expected arithmetic, got words; use generate`);
    const close = () => {
      closePolicy(policy);
      device.close();
    };
    return { policy, settings, task: arithmeticTask(settings), close };
  } catch (error) {
    device.close();
    throw error;
  }
}
