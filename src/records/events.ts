import type { StopReason } from "./attempt.ts";
import type { EvaluationDetails, Outcome } from "./evaluation.ts";

/** What a run emits, one JSON object per line of events.jsonl. `time` is milliseconds since the epoch. */
export type RunEvent =
  | { type: "run"; time: number; name: string; version: string; seed: number; device: Record<string, string | number> }
  | { type: "stage-start"; time: number; stage: string; kind: StageKind; totalSteps: number }
  | { type: "metrics"; time: number; stage: string; step: number; values: Record<string, number> }
  | { type: "experts"; time: number; stage: string; step: number; layers: ExpertUse[] }
  | { type: "checkpoint"; time: number; stage: string; step: number; path: string; best: boolean }
  | { type: "evaluation"; time: number; stage: string; step: number; result: EvaluationSummary }
  | { type: "stage-end"; time: number; stage: string; seconds: number }
  | { type: "resume"; time: number; stage: string; step: number }
  | { type: "warning"; time: number; stage: string; step: number; message: string }
  | { type: "note"; time: number; stage: string; step: number; message: string }
  | { type: "run-end"; time: number; seconds: number };

/** What a stage does: supervision from nothing or from a model, reinforcement without or with a critic, or measuring alone. */
export type StageKind = "pretrain" | "sft" | "rl" | "ppo" | "eval";

/** How one layer's experts were used in one step. */
export interface ExpertUse {
  layer: number;
  /** Token slots per expert. */
  counts: number[];
  /** counts / Σ counts. */
  shares: number[];
  /** Entropy of the shares in nats; log(experts) when even. */
  entropy: number;
  /** Largest share over the mean share; 1 when even. */
  maxOverMean: number;
}

/** How a stage's answers differ from an earlier one's, on the problems both were measured on. */
export interface PairedComparison {
  /** The earlier stage. */
  against: string;
  /** Problems answered wrong before and right now; right before and wrong now. */
  mended: number;
  broken: number;
  /** McNemar's exact two-sided test. */
  p: number;
}

/** Accuracy of one stage on held-out problems, one greedy attempt at each. */
export interface EvaluationSummary extends EvaluationDetails {
  name: string;
  /** Of all n problems; one that cannot be graded is not right. */
  accuracy: number;
  ci95: [number, number];
  formatAccuracy: number;
  n: number;
  seconds: number;
  /** Absent for the first measured stage of a run. */
  paired?: PairedComparison;
}

/** Which experts predicted an attempt's tokens, see `packExperts`. */
export interface ExpertRecord {
  /** [mixture layers, tokens, experts at work] */
  shape: [number, number, number];
  /** Of each id. */
  bits: 1 | 2 | 4 | 8 | 16;
  base64: string;
}

/** One attempt as kept in a run's attempts file (training) or samples file (evaluation). */
export interface AttemptRecord {
  stage: string;
  step: number;
  problem: string;
  question: string;
  gold: string;
  completion: string;
  answer: string | null;
  stop: StopReason;
  tokens: number;
  parts: Record<string, number | null>;
  reward: number;
  advantage: number | null;
  /** In training, of mixtures, at steps that keep them. */
  experts?: ExpertRecord;
  /** In evaluations: what became of it, and what found its answer, e.g. `boxed`; null where none was found. */
  outcome?: Outcome;
  rule?: string | null;
  /** In evaluations with several attempts drawn at random: which of them, from 1. Absent for the greedy one. */
  sample?: number;
}
