/** A completion as a reader follows it: one entry per step, then the answer. */
export interface CompletionParts {
  steps: string[];
  /** What stands after the answer mark; null when the completion has none. */
  answer: string | null;
}

/**
 * Splits a completion at its `<answer>` mark, and what comes before it into steps: at line breaks where there are any,
 * else at `", "`. A start-of-solution and an end mark (`<scratchpad>`, `<eos>`) are dropped.
 */
export function splitCompletion(completion: string): CompletionParts {
  const text = completion.replace(/^<scratchpad>/, "").replace(/<eos>\s*$/, "");
  const mark = text.indexOf("<answer>");
  const worked = mark < 0 ? text : text.slice(0, mark);
  const steps = worked
    .split(worked.includes("\n") ? "\n" : ", ")
    .map((step) => step.trim())
    .filter((step) => step !== "");
  return { steps, answer: mark < 0 ? null : text.slice(mark + "<answer>".length).trim() };
}
