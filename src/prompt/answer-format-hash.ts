import { type AnswerFormat, askPlainly, found } from "./answer-format.ts";

const MARK = "####";

/**
 * Worked steps, then a last line `#### n`: how GSM8K writes its own answers. The last mark counts, up to the end of its
 * line; well formed is a completion with one mark, on its last line, and an answer after it.
 */
export const hash: AnswerFormat = {
  name: "hash",
  instruction: `Solve the problem step by step. End with a line that holds the final answer alone, like this: ${MARK} 42`,
  opening: "",
  stops: [],
  closed: false,
  plainPrompt: askPlainly,
  completion: ({ solution, answer }) =>
    `${solution === undefined ? "" : `${solution}\n`}${MARK} ${answer.replace(/\s+/g, " ")}`,
  matches(completion) {
    const [last, ...before] = completion.trim().split("\n").reverse();
    const answer = last.slice(MARK.length);
    return last.startsWith(MARK) && answer.trim() !== "" && ![answer, ...before].some((text) => text.includes(MARK));
  },
  extract(completion) {
    const start = completion.lastIndexOf(MARK);
    return start < 0 ? null : found(completion.slice(start + MARK.length).split("\n", 1)[0], "hash");
  },
};
