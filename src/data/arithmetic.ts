import { ConfigError, DataError } from "../base/errors.ts";
import { hashText, Rng } from "../base/rng.ts";
import type { Problem } from "../records/problem.ts";
import {
  type Expression,
  evaluate,
  FUNCTION_ARITY,
  type FunctionName,
  OPERATORS,
  type Operator,
  printExpression,
} from "./expression.ts";
import { parseExpression } from "./parse-expression.ts";
import { formatRational } from "./rational.ts";
import { belongsTo, DEFAULT_SHARES, type Split, type SplitShares, splitOf } from "./splits.ts";
import type { DigitOrder } from "./steps/notation.ts";
import { writeScratchpad } from "./steps/scratchpad.ts";

/** How expressions are drawn and written. */
export interface ArithmeticOptions {
  /** Longest number; the length is uniform in 1 … maxDigits. */
  maxDigits: number;
  /** Most operations on a path from the root; below the root each place is a number with probability ½. */
  maxDepth: number;
  operators: readonly Operator[];
  /** Drawn as often as an operator is. */
  functions: readonly FunctionName[];
  /** Probability that a number other than 0 has a minus sign. */
  negatives: number;
  /** Probability that a number is 0. */
  zeroProbability: number;
  /** Probability of a space between two neighbouring marks. */
  spaceProbability: number;
  /** Probability of redundant brackets around each number and operation. */
  bracketProbability: number;
  /** Digit order of steps and answer; `mixed` draws one of the two for each problem. */
  digitOrder: DigitOrder | "mixed";
  /** Probability that an operation's steps are shown in the worked solution. */
  stepProbability: number;
  /** Whether there are worked steps between expression and answer. */
  scratchpad: boolean;
}

export const DEFAULT_ARITHMETIC: ArithmeticOptions = {
  maxDigits: 2,
  maxDepth: 2,
  operators: ["+", "-", "*"],
  functions: [],
  negatives: 0,
  zeroProbability: 0.005,
  spaceProbability: 0.25,
  bracketProbability: 0.15,
  digitOrder: "big",
  stepProbability: 1,
  scratchpad: true,
};

/** What `generateProblems` makes. */
export interface GenerateOptions extends Partial<ArithmeticOptions> {
  split: Split;
  count: number;
  seed: number;
  /** No canonical expression twice. Default true. */
  unique?: boolean;
  shares?: SplitShares;
  /** Write worked solutions. Default: in every split but `reinforcement`. */
  solutions?: boolean;
}

/** Draws that may fail (zero divisor, other split, repetition) before a problem is given up. */
const MAX_REDRAWS = 20_000;

const STREAM = hashText("arithmetic");

/**
 * Problems of one split, each decided by (seed, its index) and, when unique, by those before it.
 *
 * @throws ConfigError when an option is out of range; lists every problem
 * @throws DataError when the options admit too few expressions in this split; says what to raise
 */
export function generateProblems(options: GenerateOptions): Problem[] {
  const settings = { ...DEFAULT_ARITHMETIC, ...options };
  const {
    split,
    count,
    seed,
    unique = true,
    shares = DEFAULT_SHARES,
    solutions = split !== "reinforcement",
  } = settings;
  checkOptions(settings, count);
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (let index = 0; index < count; index++) {
    const problem = drawProblem(settings, seed, index, solutions, (canonical) => {
      return !(unique && seen.has(canonical)) && belongsTo(splitOf(canonical, shares), split);
    });
    if (problem === null) {
      throw new DataError(
        `generateProblems: expected ${count} ${unique ? "different " : ""}problems of the ${split} split, found ` +
          `${problems.length} and no other in ${MAX_REDRAWS} draws; raise maxDigits (${settings.maxDigits}), maxDepth ` +
          `(${settings.maxDepth}), the operators or the split's share, or ask for fewer`,
      );
    }
    seen.add(canonicalOf(problem));
    problems.push(problem);
  }
  return problems;
}

/** The problem's expression without spaces and redundant brackets, which names it and decides its split. */
export function canonicalOf(problem: Problem): string {
  return printExpression(parseExpression(problem.question));
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
  return makeProblem(expression, text, options, solution);
}

function makeProblem(expression: Expression, question: string, options: WritingOptions, solution?: string): Problem {
  const { digitOrder, scratchpad } = options;
  return {
    id: `${digitOrder}:${printExpression(expression)}`,
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
): Problem | null {
  for (let redraw = 0; redraw < MAX_REDRAWS; redraw++) {
    const rng = new Rng(STREAM, seed, index, redraw);
    const expression = drawExpression(rng, settings);
    if (!accepts(printExpression(expression)) || dividesByZero(expression)) continue;
    const question = printExpression(expression, {
      bracket: () => rng.uniform() < settings.bracketProbability,
      space: () => rng.uniform() < settings.spaceProbability,
    });
    const little = settings.digitOrder === "mixed" ? rng.uniform() < 0.5 : settings.digitOrder === "little";
    const writing = { digitOrder: little ? "little" : "big", scratchpad: settings.scratchpad } as const;
    const show = () => rng.uniform() < settings.stepProbability;
    const solution = solutions && settings.scratchpad ? writeScratchpad(expression, { ...writing, show }) : undefined;
    return makeProblem(expression, question, writing, solution);
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
export function drawExpression(rng: Rng, settings: ArithmeticOptions): Expression {
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

function checkOptions(settings: ArithmeticOptions, count: number): void {
  const problems: string[] = [];
  const whole = (name: string, value: number, low: number, high: number): void => {
    if (!Number.isInteger(value) || value < low || value > high) {
      problems.push(`${name}: expected a whole number from ${low} to ${high}, got ${value}`);
    }
  };
  whole("count", count, 0, 1e8);
  whole("maxDigits", settings.maxDigits, 1, 50);
  whole("maxDepth", settings.maxDepth, 1, 10);
  for (const name of [
    "negatives",
    "zeroProbability",
    "spaceProbability",
    "bracketProbability",
    "stepProbability",
  ] as const) {
    const value = settings[name];
    if (!(value >= 0 && value <= 1)) problems.push(`${name}: expected a probability in [0,1], got ${value}`);
  }
  const choices = (name: string, values: readonly string[], allowed: readonly string[]): void => {
    for (const value of values) {
      if (!allowed.includes(value)) problems.push(`${name}: expected ${allowed.join(" ")}, got \`${value}\``);
    }
  };
  choices("operators", settings.operators, OPERATORS);
  choices("functions", settings.functions, Object.keys(FUNCTION_ARITY));
  choices("digitOrder", [settings.digitOrder], ["big", "little", "mixed"]);
  if (settings.operators.length + settings.functions.length === 0) {
    problems.push("operators, functions: expected one at least, got none");
  }
  if (problems.length > 0) throw new ConfigError(`generateProblems: correct these options\n${problems.join("\n")}`);
}
