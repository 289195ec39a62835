import { z } from "zod";
import { parseConfig } from "../base/config.ts";
import { DataError } from "../base/errors.ts";
import { hashText, Rng } from "../base/rng.ts";
import type { Problem } from "../records/problem.ts";
import { type ArithmeticOptions, arithmeticFields, checkOperations } from "./arithmetic-options.ts";
import {
  type Expression,
  evaluate,
  FUNCTION_ARITY,
  type FunctionName,
  type Operator,
  printExpression,
} from "./expression.ts";
import { parseExpression } from "./parse-expression.ts";
import { formatRational } from "./rational.ts";
import { type Split, splitOf } from "./splits.ts";
import type { DigitOrder } from "./steps/notation.ts";
import { writeScratchpad } from "./steps/scratchpad.ts";

/** What `generateProblems` makes. */
export interface GenerateOptions extends Partial<ArithmeticOptions> {
  split: Split;
  /** Problems to draw: 0 … 10⁸. */
  count: number;
  /** Names the problems; another seed draws others. */
  seed: number;
  /** No canonical expression twice. Default true. */
  unique?: boolean;
  /** Write worked solutions. Default: in every split but `reinforcement`. */
  solutions?: boolean;
}

/** Draws that may fail (zero divisor, other split, repetition) before a problem is given up. */
const MAX_REDRAWS = 20_000;

const STREAM = hashText("arithmetic");

const generateSchema = z
  .strictObject({ ...arithmeticFields, count: z.number().int().min(0).max(1e8).describe("problems to draw") })
  .superRefine(checkOperations);

/**
 * Problems of one split, each decided by (seed, its index) and, when unique, by those before it.
 *
 * @throws ConfigError when an option is out of range; lists every problem
 * @throws DataError when the options admit too few expressions in this split; says what to raise
 */
export function generateProblems(options: GenerateOptions): Problem[] {
  const { split, count, seed, unique = true, ...given } = options;
  const { solutions = split !== "reinforcement", ...described } = given;
  const { count: _, ...settings } = parseConfig({ ...described, count }, generateSchema, "generateProblems");
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (let index = 0; index < count; index++) {
    const drawn = drawProblem(settings, seed, index, solutions, (canonical) => {
      return !(unique && seen.has(canonical)) && splitOf(canonical) === split;
    });
    if (drawn === null) {
      throw new DataError(
        `generateProblems: expected ${count} ${unique ? "different " : ""}problems of the ${split} split, found ` +
          `${problems.length} and no other in ${MAX_REDRAWS} draws; raise maxDigits (${settings.maxDigits}), maxDepth ` +
          `(${settings.maxDepth}) or the operators, or ask for fewer`,
      );
    }
    seen.add(drawn.canonical);
    problems.push(drawn.problem);
  }
  return problems;
}

/** How a problem is to be written. */
export interface WritingOptions {
  digitOrder: DigitOrder;
  scratchpad: boolean;
}

/**
 * The problem a user's own expression poses, with a full worked solution where there is a scratchpad.
 * @throws DataError when the text is no expression or divides by zero; names the position
 */
export function problemFromText(text: string, options: WritingOptions): Problem {
  const expression = parseExpression(text);
  const solution = options.scratchpad ? writeScratchpad(expression, options) : undefined;
  return makeProblem(expression, printExpression(expression), text, options, solution);
}

function makeProblem(
  expression: Expression,
  canonical: string,
  question: string,
  options: WritingOptions,
  solution?: string,
): Problem {
  const { digitOrder, scratchpad } = options;
  return {
    id: `${digitOrder}:${canonical}`,
    question,
    answer: formatRational(evaluate(expression)),
    ...(solution === undefined ? {} : { solution }),
    meta: { digitOrder, scratchpad },
  };
}

function drawProblem(
  settings: ArithmeticOptions,
  seed: number,
  index: number,
  solutions: boolean,
  accepts: (canonical: string) => boolean,
): { problem: Problem; canonical: string } | null {
  for (let redraw = 0; redraw < MAX_REDRAWS; redraw++) {
    const rng = new Rng(STREAM, seed, index, redraw);
    const expression = drawExpression(rng, settings);
    const canonical = printExpression(expression);
    if (!accepts(canonical) || dividesByZero(expression)) continue;
    const question = printExpression(expression, {
      bracket: () => rng.uniform() < settings.bracketProbability,
      space: () => rng.uniform() < settings.spaceProbability,
    });
    const little = settings.digitOrder === "mixed" ? rng.uniform() < 0.5 : settings.digitOrder === "little";
    const writing = { digitOrder: little ? "little" : "big", scratchpad: settings.scratchpad } as const;
    const show = () => rng.uniform() < settings.stepProbability;
    const solution = solutions && settings.scratchpad ? writeScratchpad(expression, { ...writing, show }) : undefined;
    return { problem: makeProblem(expression, canonical, question, writing, solution), canonical };
  }
  return null;
}

function dividesByZero(expression: Expression): boolean {
  try {
    evaluate(expression);
    return false;
  } catch (error) {
    if (error instanceof DataError) return true;
    throw error;
  }
}

/** One expression: an operation at the root, below it a number with probability ½ and always at `maxDepth`. */
function drawExpression(rng: Rng, settings: ArithmeticOptions): Expression {
  const operations = [...settings.operators, ...settings.functions];
  const draw = (depth: number): Expression => {
    if (depth === settings.maxDepth || (depth > 0 && rng.uniform() < 0.5)) return drawNumber(rng, settings);
    const operation = rng.pick(operations);
    if (!Object.hasOwn(FUNCTION_ARITY, operation)) {
      return { kind: "binary", operator: operation as Operator, left: draw(depth + 1), right: draw(depth + 1) };
    }
    const name = operation as FunctionName;
    return { kind: "call", name, arguments: Array.from({ length: FUNCTION_ARITY[name] }, () => draw(depth + 1)) };
  };
  return draw(0);
}

function drawNumber(rng: Rng, settings: ArithmeticOptions): Expression {
  if (rng.uniform() < settings.zeroProbability) return { kind: "number", value: 0n };
  let digits = `${rng.integer(1, 9)}`;
  for (let more = rng.integer(1, settings.maxDigits) - 1; more > 0; more--) digits += rng.integer(0, 9);
  const number: Expression = { kind: "number", value: BigInt(digits) };
  return rng.uniform() < settings.negatives ? { kind: "negate", operand: number } : number;
}
