import { DataError } from "../../base/errors.ts";
import { type Expression, evaluate } from "../expression.ts";
import { parseExpression } from "../parse-expression.ts";
import { equals, formatRational, parseRational } from "../rational.ts";
import { type Row, textCell, UnusableRow } from "../tables/table.ts";
import type { Layout } from "./layout.ts";

/** Rows of the published file; of a file as long as this, the first 700 are for training. */
export const SVAMP_ROWS = 1000;

/** Positions of the hub's usual split. Neighbours vary one story, so a random split would leak. */
export const SVAMP_SPLITS = { train: [1, 700], test: [701, 1000] } as const;

/**
 * SVAMP (arXiv:2103.07191). It has no worked reasoning: the solution is the equation with its value, `(4 - 2) + 3 = 5`.
 * A row whose equation has another value than its answer is unusable, since one of the two is wrong.
 */
export const svampLayout: Layout = {
  columns: ["question", "answer", "equation", "type"],
  read(row) {
    const question = textCell(row, "question");
    const answer = textCell(row, "answer");
    // One row of the published file spells it Common-Divison.
    const type = textCell(row, "type").replace("Divison", "Division");
    return {
      ...idOf(row),
      question,
      answer,
      solution: solveEquation(textCell(row, "equation"), answer),
      meta: { type },
    };
  },
};

function idOf(row: Row): { id?: string } {
  return row.cells.id === undefined ? {} : { id: textCell(row, "id") };
}

/**
 * `( ( 4.0 - 2.0 ) + 3.0 )` as `(4 - 2) + 3 = 5`.
 * @throws UnusableRow when it cannot be read or its value is not the answer
 */
function solveEquation(equation: string, answer: string): string {
  const text = equation.replace(/(\d)\.0+(?!\d)/g, "$1").replace(/\s+/g, " ");
  const parsed = parseEquation(text);
  const value = evaluate(parsed);
  const gold = parseRational(answer);
  if (gold === null || !equals(value, gold)) {
    throw new UnusableRow(`equation \`${text}\` is ${formatRational(value)}, answer is ${answer}`);
  }
  if (parsed.kind === "number") return answer;
  const tidy = text.replace(/\( /g, "(").replace(/ \)/g, ")");
  return `${withoutOuterBrackets(tidy)} = ${answer}`;
}

function parseEquation(text: string): Expression {
  try {
    const parsed = parseExpression(text);
    evaluate(parsed);
    return parsed;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new UnusableRow(`equation: ${error.message}`);
  }
}

/** Without the brackets that enclose the whole: those that open it and close only at its end. */
function withoutOuterBrackets(text: string): string {
  if (!text.startsWith("(")) return text;
  let open = 0;
  for (let at = 0; at < text.length; at++) {
    open += text[at] === "(" ? 1 : text[at] === ")" ? -1 : 0;
    if (open === 0 && at < text.length - 1) return text;
  }
  return withoutOuterBrackets(text.slice(1, -1).trim());
}
