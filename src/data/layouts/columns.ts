import { textCell } from "../tables/table.ts";
import type { Layout } from "./layout.ts";

/** Which column of a file holds what. */
export interface ColumnNames {
  question: string;
  answer: string;
  solution?: string;
  id?: string;
}

/** Any file whose columns are named. */
export function columnsLayout({ question, answer, solution, id }: ColumnNames): Layout {
  return {
    columns: [question, answer, solution, id].filter((name) => name !== undefined),
    read: (row) => ({
      ...(id === undefined ? {} : { id: textCell(row, id) }),
      question: textCell(row, question),
      answer: textCell(row, answer),
      ...(solution === undefined ? {} : { solution: textCell(row, solution) }),
    }),
  };
}
