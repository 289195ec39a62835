import type { AnswerFormat, AnswerFormatName } from "./answer-format.ts";
import { boxed } from "./answer-format-boxed.ts";
import { hash } from "./answer-format-hash.ts";
import { r1Zero, thinkAnswer, workingOut } from "./answer-format-tags.ts";

/** Every answer format by its name. */
export const answerFormats: Readonly<Record<AnswerFormatName, AnswerFormat>> = {
  "think-answer": thinkAnswer,
  "r1-zero": r1Zero,
  "working-out": workingOut,
  hash,
  boxed,
};
