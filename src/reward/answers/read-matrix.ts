import type { Answer } from "./answer-shape.ts";
import type { Expression } from "./expression.ts";
import { latexTokens } from "./latex-tokens.ts";
import { readExpression } from "./read-expression.ts";

const MATRIX = /^(.*?)([([]?)\s*\\begin\{([bBp]?matrix|array)\}(?:\{[clr|\s]*\})?(.*)\\end\{\3\}\s*([)\]]?)$/s;
const BRACKETS = new Set(["", "()", "[]"]);

/** Reads a matrix or column vector between brackets, with a scalar before it multiplied into its cells; null for anything else. */
export function readMatrix(plain: string): Answer | null {
  const match = MATRIX.exec(plain);
  if (match === null || !BRACKETS.has(match[2] + match[5]) || match[4].includes("\\begin")) return null;
  const before = match[1].replace(/^\s*[a-zA-Z]\s*=/, "").trim();
  const scalar = before === "" ? null : readCell(before === "-" ? "-1" : before);
  if (before !== "" && scalar === null) return null;
  const rows = match[4]
    .split(/\\\\(?:\[[^\]]*\])?/)
    .map((row) => row.trim())
    .filter((row, index, all) => row !== "" || index < all.length - 1)
    .map((row) => row.split("&").map(readCell));
  if (rows.some((row) => row.length !== rows[0].length || row.includes(null))) return null;
  const cells = rows as Expression[][];
  if (scalar === null) return { kind: "matrix", rows: cells };
  return {
    kind: "matrix",
    rows: cells.map((row) => row.map((cell) => ({ kind: "product", factors: [scalar, cell] }))),
  };
}

function readCell(text: string): Expression | null {
  const tokens = latexTokens(text);
  return tokens === null ? null : readExpression(tokens);
}
