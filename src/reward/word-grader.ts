import type { AnswerFormat } from "../prompt/answer-format.ts";
import { extractByRule, type Grade, type GradingOptions, gradeResponse, gsm8kParts, score } from "./rules.ts";
import { gradeWordProblem, settledText, type WordGrader, type WordParts } from "./word-problems.ts";

/** By what a task in words is graded. */
export interface WordRule extends Pick<GradingOptions, "rule" | "judge"> {
  /** Whether lm-evaluation-harness's verdicts are reported, too: the parts `gsm8k-strict` and `gsm8k-flexible`. */
  gsm8k?: boolean;
}

/**
 * Grades attempts in a format by a rule. `correct` is the rule's verdict, null where it cannot be told; `flexible` is 1 also
 * where `gradeWordProblem` finds the gold number elsewhere. The rules of GSM8K read the completion as it is, `r1-zero` in its
 * own format; the others, where the format marks the answer.
 */
export function wordGrader(format: AnswerFormat, { rule, judge, gsm8k = false }: WordRule): WordGrader {
  const options: GradingOptions = { rule, judge, source: format.name };
  const readable = (text: string, stop: "eos" | "stop" | "length") =>
    rule === "symbolic" || rule === "number" ? settledText(text, format, stop) : text;
  return {
    extraction: ({ text, stop }) => extractByRule(readable(text, stop), options),
    reward({ text, stop }, problem) {
      const partsOf = ({ verdict }: Grade): WordParts => {
        const parts = gradeWordProblem(text, problem, format, stop);
        return {
          ...parts,
          correct: score(verdict),
          flexible: verdict === false ? parts.flexible : score(verdict),
          ...(gsm8k && gsm8kParts(text, problem.answer)),
        };
      };
      const grade = gradeResponse(readable(text, stop), problem.answer, options);
      return grade instanceof Promise ? grade.then(partsOf) : partsOf(grade);
    },
  };
}
