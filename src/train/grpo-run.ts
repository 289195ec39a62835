import type { Policy } from "../model/policy.ts";
import type { AdamW } from "../update/adamw.ts";

/** What GRPO trains: the policy, the frozen start KL is measured against (null: none), its optimizer, where to begin. */
export interface GrpoRun {
  policy: Policy;
  reference: Policy | null;
  optimizer: AdamW;
  /** 0 unless resumed. */
  firstStep: number;
  /** Called before each update, when the gradient is whole. */
  beforeUpdate?: (step: number) => Promise<void>;
}
