import { z } from "zod";
import { arithmeticFields, checkOperations } from "../data/arithmetic-options.ts";
import { GRADING_RULES, type GradingRule } from "../reward/rules.ts";

const maxNewTokens = (doc: string, byDefault: number) =>
  z.number().int().min(2).max(32768).default(byDefault).describe(doc);

/** Expressions that are generated, in the tokens of a model made for them. */
const arithmeticTask = z
  .strictObject({
    kind: z.literal("arithmetic").optional().describe("arithmetic: expressions, generated; what a task is by default"),
    ...arithmeticFields,
    maxNewTokens: maxNewTokens("longest completion, in tokens", 96),
  })
  .superRefine(checkOperations);

const rows = (doc: string) =>
  z
    .tuple([z.number().int().min(1), z.number().int().min(1)])
    .optional()
    .describe(`${doc}: first and last row, counted from 1; left out: all of its file`);

const sourceFields = {
  file: z.string().min(1).optional().describe("file within the data set, for a custom one; left out: the layout's own"),
  rows: rows("rows to use"),
  limit: z.number().int().min(1).optional().describe("use this many at most, drawn with the recipe's seed"),
};

/** Problems in words, from a data set, for a published language model. */
const wordTask = z.strictObject({
  kind: z.literal("words").describe("words: problems in words, from a data set"),
  data: z.string().min(1).describe("the data set: a directory, a file, or a hub id such as openai/gsm8k"),
  layout: z
    .enum(["gsm8k", "svamp", "math", "columns"])
    .describe("how its rows read: those of GSM8K, SVAMP or MATH, or any file whose columns are named"),
  columns: z
    .strictObject({
      question: z.string().min(1).describe("column of the question"),
      answer: z.string().min(1).describe("column of the gold answer"),
      solution: z.string().min(1).optional().describe("column of the worked solution"),
      id: z.string().min(1).optional().describe("column that names the row"),
    })
    .optional()
    .describe("columns of a layout of columns"),
  train: z.strictObject(sourceFields).prefault({}).describe("what is trained on"),
  test: z.strictObject(sourceFields).prefault({}).describe("what is measured on"),
  format: z
    .enum(["think-answer", "r1-zero", "working-out", "hash", "boxed"])
    .describe("how a completion marks its answer"),
  grading: z
    .enum(GRADING_RULES)
    .optional()
    .describe(
      "what says that an answer is right: what it means (symbolic), the number it is, lm-evaluation-harness's rules for GSM8K, or " +
        "r1-zero's; left out: number for gsm8k and svamp, symbolic for others",
    ),
  calculatorNotes: z.enum(["keep", "strip"]).default("strip").describe("GSM8K's <<48/2=24>> in worked solutions"),
  template: z.enum(["chat", "plain"]).default("chat").describe("the model's chat template, or plain text"),
  instruction: z
    .string()
    .optional()
    .describe("what tells the model how to answer; left out: the format's own words; empty: nothing"),
  stop: z
    .array(z.string().min(1).max(256))
    .max(16)
    .default([])
    .describe("texts that end a completion, besides what closes an answer in the format; no part of what is graded"),
  maxNewTokens: maxNewTokens("longest completion, in tokens", 256),
});

/** The one format in which a rule finds any answer. */
const MARKED_BY: Partial<Record<GradingRule, string>> = { "gsm8k-strict": "hash", "r1-zero": "r1-zero" };

/** A recipe's task, told apart by `kind`; without one it is arithmetic. */
export const taskSchema = z.discriminatedUnion("kind", [arithmeticTask, wordTask]).superRefine((task, context) => {
  if (task.kind !== "words") return;
  if (task.layout === "columns" && task.columns === undefined)
    context.addIssue({ code: "custom", path: ["columns"], message: "a layout of columns needs their names" });
  if (task.layout !== "columns" && task.columns !== undefined)
    context.addIssue({
      code: "custom",
      path: ["columns"],
      message: `the columns of ${task.layout} are known: remove this`,
    });
  const marked = MARKED_BY[task.grading ?? "symbolic"];
  if (marked !== undefined && task.format !== marked)
    context.addIssue({
      code: "custom",
      path: ["grading"],
      message: `${task.grading} finds answers in the format ${marked} alone, the format is ${task.format}: change one of them`,
    });
  for (const part of ["train", "test"] as const) {
    const { rows: range } = task[part];
    if (range && range[0] > range[1])
      context.addIssue({ code: "custom", path: [part, "rows"], message: `${range[0]} comes after ${range[1]}` });
  }
});

/** A task of either kind with its defaults filled in. */
export type TaskSettings = z.output<typeof taskSchema>;
/** Generated expressions. */
export type ArithmeticSettings = Exclude<TaskSettings, { kind: "words" }>;
/** Problems in words. */
export type WordSettings = Extract<TaskSettings, { kind: "words" }>;

/** The rule that grades a task in words: the one it names, or what fits the answers of its data set. */
export function gradingOf({ grading, layout }: WordSettings): GradingRule {
  return grading ?? (hasNumbers(layout) ? "number" : "symbolic");
}

/** Whether all gold answers of a data set are plain numbers. */
export const hasNumbers = (layout: WordSettings["layout"]): boolean => layout === "gsm8k" || layout === "svamp";
