import type { Problem } from "../../records/problem.ts";
import type { Row } from "../tables/table.ts";

/** A problem as its row gives it; without an id it is named by its place. */
export type ProblemDraft = Omit<Problem, "id"> & { id?: string };

/** How the rows of a data set become problems. */
export interface Layout {
  /** Columns every file of this layout has. */
  columns: readonly string[];
  /** @throws UnusableRow when the row has no problem in it; the message says why */
  read(row: Row): ProblemDraft;
}
