import { textCell, UnusableRow } from "../tables/table.ts";
import type { Layout } from "./layout.ts";

/** What stands before the final answer. */
const FINAL_MARK = "####";

/** `48/2 = <<48/2=24>>24` without the calculator's notes: `48/2 = 24`. */
export function stripCalculatorNotes(text: string): string {
  return text.replace(/<<[^<>]*>>/g, "");
}

/**
 * GSM8K (arXiv:2110.14168): the column `answer` holds worked steps, then a last line `#### n`. The gold answer keeps its
 * thousands commas.
 *
 * @param options calculatorNotes: whether worked steps keep notes such as `<<48/2=24>>`
 */
export function gsm8kLayout({ calculatorNotes }: { calculatorNotes: "keep" | "strip" }): Layout {
  return {
    columns: ["question", "answer"],
    read(row) {
      const question = textCell(row, "question");
      const worked = textCell(row, "answer");
      const mark = worked.lastIndexOf(FINAL_MARK);
      const answer = mark < 0 ? "" : worked.slice(mark + FINAL_MARK.length).trim();
      if (answer === "") throw new UnusableRow(`answer ends without \`${FINAL_MARK} n\``);
      const steps = worked.slice(0, mark).trim();
      const solution = calculatorNotes === "keep" ? steps : stripCalculatorNotes(steps);
      return { question, answer, ...(solution === "" ? {} : { solution }) };
    },
  };
}
