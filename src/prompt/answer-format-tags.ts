import type { Problem } from "../records/problem.ts";
import { type AnswerFormat, type AnswerFormatName, askPlainly, found, requireSolution } from "./answer-format.ts";
import { lastBoxed } from "./answer-format-boxed.ts";

/** Reasoning between two marks, then the answer between two others; only spaces and line ends around and between. */
function taggedFormat(
  name: AnswerFormatName,
  [reasoningOpen, reasoningClose, answerOpen, answerClose]: readonly [string, string, string, string],
  rule: string,
): AnswerFormat {
  const marks = [reasoningOpen, reasoningClose, answerOpen, answerClose];
  return {
    name,
    instruction:
      `Solve the problem. Write your reasoning between ${reasoningOpen} and ${reasoningClose}, ` +
      `then the final answer alone between ${answerOpen} and ${answerClose}.`,
    opening: "",
    stops: [answerClose],
    closed: true,
    plainPrompt: askPlainly,
    completion(problem: Problem) {
      const reasoning = `${reasoningOpen}\n${requireSolution(problem, name)}\n${reasoningClose}`;
      return `${reasoning}\n${answerOpen}${problem.answer}${answerClose}`;
    },
    matches(completion) {
      const between: string[] = [];
      let rest = completion;
      for (const mark of marks) {
        const at = rest.indexOf(mark);
        if (at < 0) return false;
        between.push(rest.slice(0, at));
        rest = rest.slice(at + mark.length);
      }
      const [before, reasoning, gap, answer] = between;
      const outside = before + gap + rest;
      const inside = `${reasoning}\n${answer}`;
      return outside.trim() === "" && answer.trim() !== "" && !marks.some((mark) => inside.includes(mark));
    },
    extract(completion) {
      const start = completion.lastIndexOf(answerOpen);
      const end = start < 0 ? -1 : completion.indexOf(answerClose, start);
      return end < 0 ? null : found(completion.slice(start + answerOpen.length, end), rule);
    },
  };
}

/** `<think>…</think><answer>…</answer>`. */
export const thinkAnswer = taggedFormat("think-answer", ["<think>", "</think>", "<answer>", "</answer>"], "answer-tag");

/** `<start_working_out>…<end_working_out><SOLUTION>…</SOLUTION>`. */
export const workingOut = taggedFormat(
  "working-out",
  ["<start_working_out>", "<end_working_out>", "<SOLUTION>", "</SOLUTION>"],
  "solution-tag",
);

/**
 * `<think> … </think> <answer> … </answer>` after a prompt that ends with `<think>`: DeepSeek-R1-Zero's template
 * (arXiv:2501.12948, table 1), graded as in Dr. GRPO (arXiv:2503.20783). Well formed: `</think> <answer>` with one space
 * and `</answer>` occur. The answer is all after the last `<answer>` without any `</answer>`, or the last box in it; a
 * completion that is not well formed has none.
 */
export const r1Zero: AnswerFormat = {
  name: "r1-zero",
  instruction:
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant " +
    "first thinks about the reasoning process in the mind and then provides the user with the answer. The reasoning " +
    "process and answer are enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., " +
    "<think> reasoning process here </think> <answer> answer here </answer>.",
  opening: "<think>",
  stops: ["</answer>"],
  closed: true,
  plainPrompt: (question, instruction) =>
    `${instruction === "" ? "" : `${instruction}\n`}User: ${question}\nAssistant: <think>`,
  completion: (problem) => ` ${requireSolution(problem, "r1-zero")} </think> <answer> ${problem.answer} </answer>`,
  matches: isR1Zero,
  extract(completion) {
    if (!isR1Zero(completion)) return null;
    const start = completion.lastIndexOf("<answer>") + "<answer>".length;
    const answer = completion.slice(start).replaceAll("</answer>", "");
    if (!answer.includes("\\boxed")) return found(answer, "answer-tag");
    const boxed = lastBoxed(answer);
    return boxed === null ? null : found(boxed, "answer-tag-boxed");
  },
};

function isR1Zero(completion: string): boolean {
  return completion.includes("</think> <answer>") && completion.includes("</answer>");
}
