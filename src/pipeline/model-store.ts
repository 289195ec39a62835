import type { Device } from "../engine/device.ts";
import type { Policy } from "../model/policy.ts";
import type { Tokenizer } from "../prompt/tokenizer.ts";
import type { ModelPlan } from "../train/counted-policy.ts";

/** A state of a run's model: as it is now, as the run began, or as a checkpoint of the run holds it. */
export type ModelMoment = { kind: "now" } | { kind: "start" } | { kind: "checkpoint"; path: string };

/** How the model of a run is opened, kept, and told from others. */
export interface ModelStore {
  tokenizer: Tokenizer;
  /** What names the model the run starts from, whatever its path; null: fresh weights. */
  identity(): Promise<string | null>;
  /** How much of what the model is, without reading its weights. @throws CheckpointError when it is missing or broken */
  plan(): ModelPlan;
  /** What a user should know of how the model was understood; empty when nothing is odd. @throws as `plan` */
  notes(): readonly string[];
  /**
   * The model to be trained: as it is in a checkpoint of the run, or, with null, as the run begins.
   *
   * @returns a policy of the caller's, to be closed with `closePolicy`
   */
  open(device: Device, checkpoint: string | null): Promise<Policy>;
  /**
   * The model at some moment, frozen, for KL to be measured against.
   *
   * @param policy the one that is trained, of `open`; what is returned may share its memory, and is to be closed before it
   */
  freeze(policy: Policy, moment: ModelMoment): Promise<Policy>;
  /** Writes the model into an existing directory. @throws CheckpointError when the disk is full */
  save(dir: string, policy: Policy): Promise<void>;
}
