import { describe, expect, test } from "vitest";
import { ANSWER_FORMATS } from "../prompt/answer-format.ts";
import { extractAnswer, isMark } from "./extract-answer.ts";

describe("any: the surest mark there is, and its name", () => {
  test.each([
    ["<think>2 + 3</think><answer>5</answer>", "5", "answer-tag"],
    ["<answer>4</answer> no, <answer>5</answer> after 7", "5", "answer-tag"],
    ["<answer>It is \\boxed{5} apples.</answer>", "5", "answer-tag-boxed"],
    ["<answer>It is \\boxed{5 apples.</answer>", "It is \\boxed{5 apples.", "answer-tag"],
    ["\\boxed{4}, so <answer>5</answer>", "5", "answer-tag"],
    ["<SOLUTION> 5 </SOLUTION>", "5", "solution-tag"],
    ["#### 4\nso \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", "boxed"],
    ["\\boxed{4} then \\boxed{5}", "5", "boxed"],
    ["\\boxed{5} then \\boxed{6", "5", "boxed"],
    ["\\boxed{\\text{a } \\{1,2\\}}", "\\text{a } \\{1,2\\}", "boxed"],
    ["16 - 4 = 12\n#### 12 eggs\n\nand 7", "12 eggs", "hash"],
    ["#### 5\n#### 6", "6", "hash"],
    ["<answer>5", "5", "last-number"],
  ])("%j: %j by %s", (response, answer, rule) => {
    expect(extractAnswer(response, "any")).toEqual({ answer, rule });
  });
});

describe("what is announced", () => {
  test.each([
    ["So the answer is 18.", "18"],
    ["The answer is 18. I checked it 2 times.", "18"],
    ["the final answer is: $\\frac{1}{2}$. I hope it is correct.", "\\frac{1}{2}"],
    ["The answer is \\(x = 5\\), as 2x is 10.", "x = 5"],
    ["The answer is\n\\[\n5\n\\]", "5"],
    ["Answer: 18", "18"],
    ["**Answer:** 18", "18"],
    ["**Final Answer**: **18** apples", "18 apples"],
    ["Final Answer: $18", "$18"],
    ["The answer is $18 and not $5 or $ 7.", "$18 and not $5 or $ 7"],
    ["ANSWER = 3.5 km", "3.5 km"],
    ["The answer to the question is therefore (C).", "(C)"],
    ["The answer is 3 because 1 + 2 = 3", "3"],
    ["The answer is (1, 2), which lies on the line 7", "(1, 2)"],
    ["The answer is 4. No, the answer is 5!", "5"],
    ["The correct answer is Thursday.\nThere are 7 days.", "Thursday"],
    ["The answer is x**2", "x**2"],
  ])("%j: %j", (response, answer) => {
    expect(extractAnswer(response, "any")).toEqual({ answer, rule: "answer-is" });
  });

  test("an answer that is spoken of is not announced", () => {
    expect(extractAnswer("I cannot answer this; maybe 5", "any")).toEqual({ answer: "5", rule: "last-number" });
    expect(extractAnswer("The answer is ", "any")).toEqual({ answer: null, rule: "none" });
  });
});

describe("what is not marked is guessed, and said to be", () => {
  test.each([
    ["\\frac{1}{2}", "\\frac{1}{2}", "whole"],
    ["$\\frac{1}{2}$.", "\\frac{1}{2}", "whole"],
    ["x = 5", "x = 5", "whole"],
    ["f(x) = 2x", "f(x) = 2x", "whole"],
    ["Thursday", "Thursday", "whole"],
    ["[0,1)", "[0,1)", "whole"],
    ["18", "18", "last-number"],
    ["$18", "$18", "last-number"],
    ["3 + 4 = 7", "7", "last-number"],
    ["It is 18", "18", "last-number"],
    ["Each gets $\\frac{3}{4}$ of it.", "\\frac{3}{4}", "last-formula"],
    ["Each gets $\\frac{3}{4}$, so both get 2 of them.", "2", "last-number"],
    ["They have $18$ in all.", "18", "last-number"],
    ["From $5 to $10, that is 1,080 times.", "1,080", "last-number"],
    ["It is 10-3", "3", "last-number"],
    ["It is cold, -3 degrees", "-3", "last-number"],
  ])("%j: %j by %s", (response, answer, rule) => {
    expect(extractAnswer(response, "any")).toEqual({ answer, rule });
    expect(isMark(rule)).toBe(false);
  });

  test.each(["", "  \n", "no number at all", "{".repeat(50)])("%j holds no answer", (response) => {
    expect(extractAnswer(response, "any").rule).toMatch(/none|whole/);
    if (/[a-z]|^\s*$/.test(response)) expect(extractAnswer(response, "any").answer).toBeNull();
  });
});

test("in a format, an answer stands where that format marks it and nowhere else", () => {
  const response = "The answer is 5.";
  for (const format of ANSWER_FORMATS) expect(extractAnswer(response, format)).toEqual({ answer: null, rule: "none" });
  expect(extractAnswer("#### 5", "hash")).toEqual({ answer: "5", rule: "hash" });
  expect(extractAnswer("#### 5", "boxed").answer).toBeNull();
  expect(extractAnswer("a </think> <answer> \\boxed{5} </answer>", "r1-zero").rule).toBe("answer-tag-boxed");
});

test("hostile texts of 100 kB take bounded work", () => {
  const n = 100_000;
  const texts = [
    "{",
    "}",
    "\\boxed{",
    "$",
    "$ ",
    "$a",
    "\\(",
    "\\[",
    "answer is ",
    "answer",
    "<answer>",
    "#### ",
    "9",
    "1,",
  ];
  const before = process.cpuUsage();
  for (const text of texts) {
    extractAnswer(text.repeat(n / text.length), "any");
    extractAnswer(`the answer is ${text.repeat(n / text.length)}`, "any");
    extractAnswer(`$${text.repeat(n / text.length)}`, "any");
  }
  // Some tenths of a second of processor time; a rule that reads on from every mark takes minutes in all.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(30);
});
