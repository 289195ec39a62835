import { describe, expect, test } from "vitest";
import { compareAnswers } from "./answer-equivalence.ts";
import { canGrade, gradeAnswer, gradeResponse } from "./rules.ts";

const judge = compareAnswers;

describe("r1-zero", () => {
  test.each([
    ["so </think> <answer> 5 </answer>", true, 1, "5", "answer-tag"],
    ["so </think> <answer> it is \\boxed{5} </answer>", true, 1, "5", "answer-tag-boxed"],
    ["so </think> <answer> \\boxed{4} \\boxed{5} </answer>", true, 1, "5", "answer-tag-boxed"],
    ["so </think> <answer>4</answer> <answer>5</answer></answer>", true, 1, "5", "answer-tag"],
    ["so </think> <answer> 6 </answer>", false, 1, "6", "answer-tag"],
    // A box that is not closed: the format is kept, the answer wrong.
    ["so </think> <answer> \\boxed{5 </answer>", false, 1, null, "none"],
    ["so </think> <answer> </answer>", false, 1, null, "none"],
    // One space, no more and no line end; and the closing tag.
    ["so </think>  <answer> 5 </answer>", false, 0, null, "none"],
    ["so </think>\n<answer> 5 </answer>", false, 0, null, "none"],
    ["so </think> <answer> 5", false, 0, null, "none"],
    ["5", false, 0, null, "none"],
  ])("%j: right %s, format %i", (response, verdict, format, extracted, rule) => {
    expect(gradeResponse(response, "5", { rule: "r1-zero", judge })).toMatchObject({
      verdict,
      format,
      extracted,
      rule,
    });
  });
});

describe("symbolic and number", () => {
  test("say what was found, by what, and what decided", () => {
    expect(gradeResponse("so \\boxed{5.0}", "5", { rule: "symbolic", judge })).toEqual({
      verdict: true,
      extracted: "5.0",
      rule: "boxed",
      tier: "number",
      format: 1,
    });
    expect(gradeResponse("so 5", "5", { rule: "number", judge })).toMatchObject({ verdict: true, format: 0 });
    expect(gradeResponse("so 5", "5", { rule: "number", source: "hash", judge })).toEqual({
      verdict: false,
      extracted: null,
      rule: "none",
      tier: null,
      format: 0,
    });
  });

  test("a gold answer that cannot be read is null, also where there is no answer", () => {
    expect(gradeResponse("so \\boxed{5}", " ", { rule: "symbolic", judge })).toMatchObject({ verdict: null });
    expect(gradeResponse("so it is", " ", { rule: "symbolic", judge })).toMatchObject({ verdict: null, tier: null });
  });

  // `number` compares what is no number as text; `symbolic` cannot read it at all.
  test.each([
    ["number", false],
    ["symbolic", null],
  ] as const)("%s: no answer to `@@ ??` is %s", (rule, verdict) => {
    expect(gradeResponse("", "@@ ??", { rule, judge })).toMatchObject({ verdict });
    expect(gradeAnswer(null, "@@ ??", { rule, judge })).toMatchObject({ verdict });
    expect(canGrade("@@ ??", rule)).toBe(verdict !== null);
  });

  test("wait for a judge who takes time, and say why he gives no verdict", async () => {
    const slow = async () => ({ equal: null, tier: "symbolic", reason: "too slow" }) as const;
    const graded = gradeResponse("\\boxed{5}", "5", { rule: "symbolic", judge: slow });
    expect(graded).toBeInstanceOf(Promise);
    expect(await graded).toEqual({
      verdict: null,
      extracted: "5",
      rule: "boxed",
      tier: "symbolic",
      format: 1,
      reason: "too slow",
    });
    // What is the same number needs no such judge.
    expect(gradeResponse("\\boxed{5}", "5", { rule: "number", judge: slow })).toMatchObject({ verdict: true });
  });
});

describe("the rules of GSM8K", () => {
  test("say whether the mark was there", () => {
    const strict = { rule: "gsm8k-strict", judge } as const;
    expect(gradeResponse("#### 5", "5", strict)).toEqual({
      verdict: true,
      extracted: "5",
      rule: "gsm8k-strict",
      tier: "text",
      format: 1,
    });
    expect(gradeResponse("It is 5", "5", strict)).toMatchObject({
      verdict: false,
      rule: "none",
      tier: null,
      format: 0,
    });
    expect(gradeResponse("It is 5", "5", { rule: "gsm8k-flexible", judge })).toMatchObject({
      verdict: true,
      format: null,
    });
    expect(gradeResponse("#### 5", "five", strict)).toMatchObject({ verdict: null });
  });
});

test.each([
  ["symbolic", "5.0", true, "5.0"],
  ["symbolic", "\\boxed{5}", true, "5"],
  ["number", "6", false, "6"],
  ["gsm8k-strict", "$5", true, "$5"],
  ["gsm8k-strict", "5.0", false, "5.0"],
  ["r1-zero", "5", true, "5"],
  ["symbolic", " ", false, null],
  ["symbolic", null, false, null],
] as const)("%s: the answer %j alone is right: %s", (rule, answer, verdict, extracted) => {
  expect(gradeAnswer(answer, "5", { rule, judge })).toMatchObject({
    verdict,
    extracted,
    rule: extracted === null ? "none" : "given",
    format: null,
  });
});
