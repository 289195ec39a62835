/** What became of an attempt. */
export type Outcome = "correct" | "wrong" | "format" | "truncated" | "ungradable";

/** A share of problems with its 95 % interval. */
export interface Share {
  value: number;
  ci95: [number, number];
}

/** Attempts drawn at random, several at each problem, beside the greedy one. */
export interface SampledSummary {
  /** Attempts at each problem. */
  attempts: number;
  temperature: number;
  topP: number;
  /** pass@k at k = 1, 2, 4, … and at `attempts`; see `passAtK`. */
  passAt: (Share & { k: number })[];
  /** maj@`attempts`: the answer given most often is right; see `majorityShare`. */
  majority: Share;
  /** Tokens of a completion. */
  meanLength: number;
  truncatedShare: number;
}

/** Accuracy on one kind of problems. */
export interface BreakdownRow extends Share {
  /** What tells kinds apart: `level`, `subject`, `type`. */
  by: string;
  kind: string;
  n: number;
}

/** What an evaluation says beside accuracy; runs of earlier versions have none of it. */
export interface EvaluationDetails {
  /** Share right by the reward part `flexible`: also as the last number, outside of the format. */
  flexibleAccuracy?: number;
  /** Tokens of a completion. */
  meanLength?: number;
  /** Share of completions that were cut at the length limit. */
  truncatedShare?: number;
  /** How many attempts came to what; they add up to n. */
  outcomes?: Record<Outcome, number>;
  /** Mean of every reward part over the attempts that have it. */
  parts?: Record<string, number>;
  sampled?: SampledSummary;
  /** Absent where problems are all of one kind. */
  breakdown?: BreakdownRow[];
  /** Worked examples before each question; absent for none. */
  fewShot?: number;
}

/** What several attempts at each of some training problems show, before any training. */
export interface ProbeSummary {
  problems: number;
  /** At each problem. */
  attempts: number;
  /** solvedBy[c]: how many problems were solved in c of the attempts. */
  solvedBy: number[];
  /** Shares of all attempts. */
  correctShare: number;
  formatShare: number;
  flexibleShare?: number;
  ungradableShare: number;
  truncatedShare: number;
  /** Tokens of a completion. */
  meanLength: number;
  /** Tokens of those that ended; null when none did. */
  endedLength: { median: number; p95: number } | null;
  /** Estimated share of groups with both right and wrong attempts, by size. */
  spread: { group: number; share: number }[];
  suggestedGroup: number;
  /** Of a completion, in tokens. */
  suggestedLength: number;
}
