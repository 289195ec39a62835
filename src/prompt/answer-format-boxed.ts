import { type AnswerFormat, askPlainly, found } from "./answer-format.ts";

const COMMAND = "\\boxed";

/** What matters to boxes: their beginnings (with a brace, or before a number or letter), escaped characters, braces. */
const MARKS = /\\boxed(?![a-z])\s{0,9}(?:(\{)|(\d[\d.]*|(?<=\s)\w))?|\\[\s\S]|[{}]/g;

/**
 * What the last `\boxed{…}` with balanced braces holds, or the number or letter of `\boxed 2`; null when there is none.
 * Braces written `\{ \}` are text. One pass, whatever the nesting.
 */
export function lastBoxed(text: string): string | null {
  if (!text.includes(COMMAND)) return null;
  let lastStart = -1;
  let last: string | null = null;
  // Where each brace that is open began, and whether a box did there.
  const open: { start: number; box: boolean }[] = [];
  const keep = (start: number, content: string) => {
    if (start > lastStart) [lastStart, last] = [start, content];
  };
  for (const { 0: mark, 1: brace, 2: bare, index } of text.matchAll(MARKS)) {
    const end = index + mark.length;
    if (bare !== undefined) keep(index, bare);
    else if (brace !== undefined || mark === "{") open.push({ start: end, box: brace !== undefined });
    else if (mark === "}") {
      const closed = open.pop();
      if (closed?.box) keep(closed.start, text.slice(closed.start, index));
    }
  }
  return last;
}

/** Worked steps with the answer in the last `\boxed{…}`; well formed when one is there, balanced and not empty. */
export const boxed: AnswerFormat = {
  name: "boxed",
  instruction: "Solve the problem step by step, and put the final answer alone within \\boxed{}.",
  opening: "",
  stops: [],
  closed: true,
  plainPrompt: askPlainly,
  // Solutions of MATH hold their box already.
  completion: ({ solution, answer }) =>
    solution !== undefined && lastBoxed(solution)?.trim() === answer
      ? solution
      : `${solution === undefined ? "" : `${solution}\n`}${COMMAND}{${answer}}`,
  matches: (completion) => (lastBoxed(completion) ?? "").trim() !== "",
  extract: (completion) => found(lastBoxed(completion) ?? "", "boxed"),
};
