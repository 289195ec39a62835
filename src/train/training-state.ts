import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { CheckpointError } from "../base/errors.ts";
import { readF32 } from "../model/checkpoint.ts";
import { readSafetensors, writeSafetensors } from "../model/formats/safetensors.ts";
import type { Policy } from "../model/policy.ts";
import type { AdamW } from "../update/adamw.ts";
import type { GrpoMemory } from "./grpo-run.ts";

/** What a stage needs, besides weights and moments, to go on as if it had never stopped. */
export interface StageProgress {
  stage: string;
  /** Steps done. */
  step: number;
  /** Updates the optimizer has done. */
  updates: number;
  /** Prompt and completion tokens so far in the stage, as `StepReport.tokens` counts them: TRL's num_tokens. */
  tokens: number;
  /** Time spent training so far in the stage. */
  seconds: number;
  /** What the loop carries from step to step besides; left out: nothing. */
  memory?: GrpoMemory;
}

/** Writes `optimizer.safetensors` (both moments) and `state.json` into an existing directory. */
export async function saveTrainingState(
  dir: string,
  { policy, optimizer, progress }: { policy: Policy; optimizer: AdamW; progress: StageProgress },
): Promise<void> {
  const { device, parameters } = policy;
  const shape = [parameters.length];
  writeSafetensors(join(dir, "optimizer.safetensors"), [
    ["first", { dtype: "F32", shape, data: await readF32(device, optimizer.first) }],
    ["second", { dtype: "F32", shape, data: await readF32(device, optimizer.second) }],
  ]);
  writeFileAtomic(join(dir, "state.json"), `${JSON.stringify(progress)}\n`);
}

/** @throws CheckpointError when state.json is missing or not what `saveTrainingState` writes */
export function readStageProgress(dir: string): StageProgress {
  const path = join(dir, "state.json");
  try {
    const state = JSON.parse(readFileSync(path, "utf8")) as StageProgress;
    if (typeof state.stage === "string" && [state.step, state.updates, state.tokens].every(Number.isInteger))
      return state;
    throw new Error("fields are missing");
  } catch (error) {
    throw new CheckpointError(
      `${path}: cannot be resumed from (${(error as Error).message}); delete the checkpoint directory to go back to the one before`,
      { cause: error },
    );
  }
}

/** Restores both moments and the number of updates. @throws CheckpointError when they do not fit the model */
export function loadOptimizer(dir: string, optimizer: AdamW, policy: Policy, progress: StageProgress): void {
  const path = join(dir, "optimizer.safetensors");
  const { tensors } = readSafetensors(path);
  for (const [name, buffer] of [
    ["first", optimizer.first],
    ["second", optimizer.second],
  ] as const) {
    const tensor = tensors.get(name);
    if (tensor?.dtype !== "F32" || tensor.data.length !== policy.parameters.length)
      throw new CheckpointError(
        `${path}: expected ${name} as F32 [${policy.parameters.length}], got ${tensor ? `${tensor.dtype} [${tensor.shape}]` : "nothing"}; ` +
          "the checkpoint is of another model: delete it or start a new run",
      );
    policy.device.write(buffer, tensor.data as Float32Array);
  }
  optimizer.steps = progress.updates;
}
