import { z } from "zod";
import { FUNCTION_ARITY, type FunctionName, OPERATORS } from "./expression.ts";

const share = (doc: string) => z.number().min(0).max(1).describe(doc);
const functionNames = Object.keys(FUNCTION_ARITY) as [FunctionName, ...FunctionName[]];

/** How expressions are drawn and written: each field with its range, its meaning and its default. */
export const arithmeticFields = {
  maxDigits: z
    .number()
    .int()
    .min(1)
    .max(50)
    .default(2)
    .describe("longest number, in digits; lengths are equally likely"),
  maxDepth: z
    .number()
    .int()
    .min(1)
    .max(10)
    .default(2)
    .describe("operations on a path from the root; below the root each place is a number with probability 1/2"),
  operators: z.array(z.enum(OPERATORS)).readonly().default(["+", "-", "*"]).describe("operators to draw"),
  functions: z
    .array(z.enum(functionNames))
    .readonly()
    .default([])
    .describe("functions to draw, each as often as an operator"),
  negatives: share("probability that a number other than 0 has a minus sign").default(0),
  zeroProbability: share("probability that a number is 0").default(0.005),
  spaceProbability: share("probability of a space between two marks").default(0.25),
  bracketProbability: share("probability of redundant brackets around each number and operation").default(0.15),
  digitOrder: z
    .enum(["big", "little", "mixed"])
    .default("big")
    .describe("which digit of steps and answer comes first; mixed draws one for each problem"),
  stepProbability: share("probability that an operation's steps are shown in the worked solution").default(1),
  scratchpad: z.boolean().default(true).describe("worked steps between expression and answer"),
};

const drawn = z.strictObject(arithmeticFields);

/** Options of the arithmetic task, defaults filled in; ranges and meanings are those of `arithmeticFields`. */
export type ArithmeticOptions = z.output<typeof drawn>;

/** Refines a schema that has `arithmeticFields`: something must be drawn. */
export function checkOperations(
  { operators, functions }: Pick<ArithmeticOptions, "operators" | "functions">,
  context: z.RefinementCtx,
): void {
  if (operators.length + functions.length > 0) return;
  const message = "operators and functions are both empty; give one operator or function at least, e.g. +";
  context.addIssue({ code: "custom", path: ["operators"], message });
}
