import { describe, expect, test } from "vitest";
import { generateProblems, problemFromText } from "../data/arithmetic.ts";
import { completionText } from "../prompt/arithmetic-format.ts";
import { arithmeticReward, extractAnswer, gradeArithmetic } from "./arithmetic.ts";

const third = problemFromText("1-4/3", { digitOrder: "big", scratchpad: true });
const twelve = problemFromText("3*4", { digitOrder: "big", scratchpad: true });
const little = problemFromText("3*4", { digitOrder: "little", scratchpad: true });

describe("gradeArithmetic", () => {
  test.each([
    ["<answer>-1/3<eos>", 1, 1],
    ["<answer>-2/6<eos>", 1, 1],
    ["<answer>-01/03<eos>", 1, 1],
    // The original graded by the whole part: these share it or look alike, and are wrong.
    ["<answer>1/3<eos>", 0, 1],
    ["<answer>-1/4<eos>", 0, 1],
    ["<answer>-1<eos>", 0, 1],
    ["<answer>0<eos>", 0, 1],
    ["<answer>-1/3", 0, 0],
    ["<answer>-1/0<eos>", 0, 0],
    ["<answer>-1/-3<eos>", 0, 0],
    ["<answer><eos>", 0, 0],
    ["<answer>-1/3 <eos>", 0, 0],
    ["<answer>(-1/3)<eos>", 0, 0],
    ["-1/3<eos>", 0, 0],
    ["", 0, 0],
    // The last answer counts; more than one is right but not well formed.
    ["<answer>5<answer>-1/3<eos>", 1, 0],
    ["<answer>-1/3<answer>5<eos>", 0, 0],
    ["<sos><answer>-1/3<eos>", 1, 0],
    ["<answer>-1/3<eos>7", 1, 0],
    ["<answer>-1/3<eos><answer>", 0, 0],
  ])("%s against -1/3: correct %i, format %i", (completion, correct, format) => {
    expect(gradeArithmetic(completion, third)).toMatchObject({ correct, format });
  });

  test("honours the digit order", () => {
    expect(gradeArithmetic("<answer>12<eos>", twelve).correct).toBe(1);
    expect(gradeArithmetic("<answer>21<eos>", twelve).correct).toBe(0);
    expect(gradeArithmetic("<answer>21<eos>", little).correct).toBe(1);
    expect(gradeArithmetic("<answer>12<eos>", little).correct).toBe(0);
    expect(extractAnswer("3*4=21<answer>21<eos>", "little")).toBe("12");
    expect(extractAnswer("3*4=12<eos>", "big")).toBeNull();
  });

  test("gives the share of true steps, null where there are none", () => {
    expect(gradeArithmetic("4*2=8, 3+8=12<answer>12<eos>", twelve)).toEqual({ correct: 1, format: 1, steps: 0.5 });
    expect(gradeArithmetic("3*4=21<answer>21<eos>", little).steps).toBe(1);
    expect(gradeArithmetic("<answer>12<eos>", twelve).steps).toBeNull();
    expect(gradeArithmetic("3*4=12", twelve).steps).toBe(1);
  });

  test("every worked solution earns every part, fractions and signs included", () => {
    const problems = generateProblems({
      split: "supervised",
      count: 1000,
      seed: 4,
      operators: ["+", "-", "*", "/", "%"],
      functions: ["max", "min", "next", "prev", "abs"],
      negatives: 0.4,
      digitOrder: "mixed",
    });
    for (const problem of problems) {
      const attempt = { tokens: [], logps: new Float32Array(0), stop: "eos", text: completionText(problem) } as const;
      expect(arithmeticReward({ ...attempt, tokens: [] }, problem), problem.question).toEqual({
        correct: 1,
        format: 1,
        steps: 1,
      });
    }
    expect(problems.filter(({ answer }) => answer.includes("/")).length).toBeGreaterThan(50);
  });
});
