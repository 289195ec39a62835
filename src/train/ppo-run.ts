import type { ValueHead } from "../model/value-head.ts";
import type { AdamW } from "../update/adamw.ts";
import type { GrpoRun } from "./grpo-run.ts";

/** What says how much each state is worth: a head on the policy's trunk, with an optimizer of its own. */
export interface Critic {
  head: ValueHead;
  optimizer: AdamW;
}

/** What PPO trains: what GRPO does, and a critic. */
export interface PpoRun extends GrpoRun {
  critic: Critic;
}
