/** A question with a gold answer. */
export interface Problem {
  /** Stable across runs: derived from the question, named by its file, or its place there. */
  id: string;
  /** What is asked, as the user would write it, e.g. `3+4*2`. */
  question: string;
  /** The gold answer as text, e.g. `11` or `-1/3`. */
  answer: string;
  /** A worked solution, where one is known; reinforcement never sees it. */
  solution?: string;
  /** Whatever the grader needs beyond the answer, e.g. the digit order. */
  meta?: Record<string, string | number | boolean>;
}

/** The token ids a problem becomes under a format. */
export interface Prompt {
  problem: Problem;
  tokens: number[];
}

/** A prompt with the completion to be imitated. */
export interface Demonstration {
  prompt: Prompt;
  completion: number[];
}
