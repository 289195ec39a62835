import { describe, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import type { Problem } from "../records/problem.ts";
import { ANSWER_FORMATS, type AnswerFormatName } from "./answer-format.ts";
import { lastBoxed } from "./answer-format-boxed.ts";
import { answerFormats } from "./answer-formats.ts";

const problem: Problem = { id: "1", question: "How many?", answer: "5", solution: "8 - 3 = 5" };

/** Whether it is well formed, and the answer. */
function read(name: AnswerFormatName, completion: string): [boolean, string | null] {
  const format = answerFormats[name];
  return [format.matches(completion), format.extract(completion)?.answer ?? null];
}

test.each<[AnswerFormatName, string, string]>([
  ["think-answer", "<think>\n8 - 3 = 5\n</think>\n<answer>5</answer>", "answer-tag"],
  ["r1-zero", " 8 - 3 = 5 </think> <answer> 5 </answer>", "answer-tag"],
  ["working-out", "<start_working_out>\n8 - 3 = 5\n<end_working_out>\n<SOLUTION>5</SOLUTION>", "solution-tag"],
  ["hash", "8 - 3 = 5\n#### 5", "hash"],
  ["boxed", "8 - 3 = 5\n\\boxed{5}", "boxed"],
])("%s: the completion to imitate is well formed and holds the answer", (name, completion, rule) => {
  const format = answerFormats[name];
  expect(format.name).toBe(name);
  expect(format.completion(problem)).toBe(completion);
  expect(format.matches(completion)).toBe(true);
  expect(format.extract(completion)).toEqual({ answer: "5", rule });
  for (const stop of format.stops) expect(completion.endsWith(stop)).toBe(true);
  expect(format.plainPrompt("How many?", format.instruction)).toMatch(/How many\?/);
});

test("what the instruction asks for is what the format reads", () => {
  for (const name of ["think-answer", "working-out"] as const) {
    const { instruction, completion } = answerFormats[name];
    for (const mark of completion(problem).match(/<[^>]+>/g)!) expect(instruction).toContain(mark);
  }
  expect(answerFormats["r1-zero"].instruction).toContain("</think> <answer>");
  expect(read("hash", answerFormats.hash.instruction)[1]).toBe("42");
  expect(answerFormats.boxed.instruction).toContain("\\boxed{}");
});

test("r1-zero opens its thoughts in the prompt; plain prompts without an instruction hold the question alone", () => {
  const { plainPrompt, opening, instruction } = answerFormats["r1-zero"];
  expect(plainPrompt("How many?", instruction).endsWith(`User: How many?\nAssistant: ${opening}`)).toBe(true);
  expect(opening).toBe("<think>");
  expect(plainPrompt("How many?", "")).toBe("User: How many?\nAssistant: <think>");
  expect(answerFormats.hash.plainPrompt("How many?", "Be brief.")).toBe("Be brief.\n\nQuestion: How many?\nAnswer:\n");
  expect(answerFormats.hash.plainPrompt("How many?", "")).toBe("Question: How many?\nAnswer:\n");
});

test("without a worked solution, formats that show reasoning have nothing to imitate", () => {
  const bare = { id: "7", question: "How many?", answer: "5" };
  for (const name of ["think-answer", "r1-zero", "working-out"] as const) {
    expect(() => answerFormats[name].completion(bare)).toThrow(DataError);
    expect(() => answerFormats[name].completion(bare)).toThrow(/problem 7: .*worked solution/);
  }
  expect(answerFormats.hash.completion(bare)).toBe("#### 5");
  expect(answerFormats.boxed.completion(bare)).toBe("\\boxed{5}");
});

describe("think-answer", () => {
  test.each<[string, boolean, string | null]>([
    ["<think>a</think><answer>5</answer>", true, "5"],
    ["\n<think>a\nb</think>\n\n<answer>\n5\n</answer>\n", true, "5"],
    ["<think></think><answer>5</answer>", true, "5"],
    ["a<think>a</think><answer>5</answer>", false, "5"],
    ["<think>a</think> so <answer>5</answer>", false, "5"],
    ["<think>a</think><answer>5</answer> indeed", false, "5"],
    ["<think>a<answer>5</answer>", false, "5"],
    ["<think>a<think>b</think><answer>5</answer>", false, "5"],
    ["<think><answer>4</answer></think><answer>5</answer>", false, "5"],
    ["<think>a</think><answer>4</answer><answer>5</answer>", false, "5"],
    ["<answer>5</answer><think>a</think>", false, "5"],
    ["<think>a</think><answer> </answer>", false, null],
    ["<think>a</think><answer>5", false, null],
    ["<think>a</think>5", false, null],
    ["", false, null],
  ])("%j: well formed %s, answer %s", (completion, matches, answer) => {
    expect(read("think-answer", completion)).toEqual([matches, answer]);
  });
});

describe("r1-zero", () => {
  test.each<[string, boolean, string | null]>([
    ["a </think> <answer>5</answer>", true, "5"],
    ["a </think> <answer> so \\boxed{5} </answer>", true, "5"],
    ["a </think> <answer> \\boxed{4} or \\boxed{5} </answer>", true, "5"],
    // A box that is not closed gives no answer; the format is kept all the same.
    ["a </think> <answer> \\boxed{5 </answer>", true, null],
    // All after the last mark is the answer, whatever stands there.
    ["a </think> <answer>5</answer></answer> more", true, "5 more"],
    ["a </think> <answer>4</answer> <answer>5</answer>", true, "5"],
    ["a </think><answer>5</answer>", false, null],
    ["a </think>\n<answer>5</answer>", false, null],
    ["a </think>  <answer>5</answer>", false, null],
    ["a </think> <answer>5", false, null],
  ])("%j: well formed %s, answer %s", (completion, matches, answer) => {
    expect(read("r1-zero", completion)).toEqual([matches, answer]);
  });
});

describe("hash", () => {
  test.each<[string, boolean, string | null]>([
    ["#### 5", true, "5"],
    ["a\n####5  \n", true, "5"],
    ["a\n#### 1,080 apples", true, "1,080 apples"],
    ["a #### 5", false, "5"],
    ["a\n#### 5\nb", false, "5"],
    ["#### 4\n#### 5", false, "5"],
    ["#### 4 #### 5", false, "5"],
    ["a\n#### ", false, null],
    ["a\n####\n5", false, null],
    ["5", false, null],
  ])("%j: well formed %s, answer %s", (completion, matches, answer) => {
    expect(read("hash", completion)).toEqual([matches, answer]);
  });

  test("an answer of several lines is written on one", () => {
    expect(answerFormats.hash.completion({ ...problem, answer: "90\nunits" })).toBe("8 - 3 = 5\n#### 90 units");
  });
});

describe("boxed", () => {
  test.each<[string, string | null]>([
    ["\\boxed{5}", "5"],
    ["\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"],
    ["\\boxed{4} then $\\boxed{5}$.", "5"],
    ["\\boxed {5}", "5"],
    ["\\boxed 5$", "5"],
    ["\\boxed12", "12"],
    ["\\boxed x", "x"],
    ["\\boxed{\\{1,2\\}}", "\\{1,2\\}"],
    ["\\boxed{[0,\\left.1\\right\\}}", "[0,\\left.1\\right\\}"],
    ["\\boxed{a \\boxed{b} c}", "b"],
    ["{ \\boxed{5}", "5"],
    ["} \\boxed{5}", "5"],
    ["\\boxed{4} \\boxed{5", "4"],
    ["\\boxed{5", null],
    ["\\boxed", null],
    ["\\boxedx{5}", null],
    ["\\\\boxed{5}", null],
    ["boxed{5}", null],
  ])("%s: %s", (text, content) => {
    expect(lastBoxed(text)).toBe(content);
  });

  test("an empty box is no answer, and a solution with its box is imitated as it is", () => {
    expect(read("boxed", "\\boxed{ }")).toEqual([false, null]);
    expect(read("boxed", "so \\boxed{5}, done")).toEqual([true, "5"]);
    const solved = { ...problem, solution: "It is $\\boxed{5}$." };
    expect(answerFormats.boxed.completion(solved)).toBe(solved.solution);
    expect(answerFormats.boxed.completion({ ...solved, answer: "6" })).toBe(`${solved.solution}\n\\boxed{6}`);
  });
});

test("hostile completions are read in a moment", () => {
  const hostile = [
    "\\boxed{".repeat(20_000),
    "{".repeat(200_000),
    "\\boxed ".repeat(20_000),
    "<answer>".repeat(20_000),
    "<think>".repeat(20_000),
    "####".repeat(50_000),
    `\\boxed${" ".repeat(200_000)}`,
    "\n".repeat(200_000),
  ];
  // What backtracks on these takes minutes, more than a test may.
  const answers = hostile.flatMap((text) => ANSWER_FORMATS.map((name) => answerFormats[name].extract(text)));
  expect(answers).toHaveLength(hostile.length * ANSWER_FORMATS.length);
});
