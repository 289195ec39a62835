import { textCell } from "../tables/table.ts";
import type { Layout, ProblemDraft } from "./layout.ts";

/**
 * MATH (arXiv:2103.03874): competition problems in LaTeX. `meta` has the subject, and the level from 1 to 5 where the row
 * has one.
 */
export const mathLayout: Layout = {
  columns: ["problem", "solution", "answer", "subject", "level"],
  read(row): ProblemDraft {
    const level = Number(row.cells.level ?? Number.NaN);
    return {
      ...(row.cells.id === undefined ? {} : { id: textCell(row, "id") }),
      question: textCell(row, "problem"),
      answer: textCell(row, "answer"),
      solution: textCell(row, "solution"),
      meta: { subject: textCell(row, "subject"), ...(level >= 1 && level <= 5 ? { level } : {}) },
    };
  },
};
