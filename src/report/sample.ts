import type { StopReason } from "../records/attempt.ts";
import { splitCompletion } from "./steps.ts";
import { plainStyle, type TerminalStyle } from "./terminal-style.ts";

/** One completion to be shown on a terminal. */
export interface Sample {
  question: string;
  completion: string;
  /** The extracted answer; null when there is none. */
  answer: string | null;
  /** What is right, where it is known. */
  gold: string | null;
  /** Whether the answer is right, as the grader says; null where it cannot know. */
  right: boolean | null;
  stop: StopReason;
}

/**
 * The question, its steps one per line, and the answer with a check mark when it is right, or a cross and the right
 * answer when it is not. No trailing line break.
 */
export function formatSample(sample: Sample, style: TerminalStyle = plainStyle): string {
  const { question, completion, answer, gold, right, stop } = sample;
  const steps = splitCompletion(completion).steps.map((step) => `${style.dim("  │")} ${step}`);
  const cut = stop === "length" ? style.dim("  (cut off at the length limit)") : "";
  const expected = gold === null ? "" : `, expected ${gold}`;
  let verdict: string;
  if (answer === null) verdict = `${style.red("  ✗ no answer")}${expected}`;
  else if (right === null) verdict = `  = ${style.bold(answer)}`;
  else if (right) verdict = `  = ${style.bold(answer)} ${style.green("✓")}`;
  else verdict = `  = ${style.bold(answer)} ${style.red("✗")}${expected}`;
  return [style.bold(question), ...steps, verdict + cut].join("\n");
}
