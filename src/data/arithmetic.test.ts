import { describe, expect, test } from "vitest";
import { ConfigError, DataError } from "../base/errors.ts";
import { generateProblems, problemFromText } from "./arithmetic.ts";
import { type Expression, evaluate, OPERATORS, printExpression } from "./expression.ts";
import { parseExpression } from "./parse-expression.ts";
import { formatRational } from "./rational.ts";

const plain = { spaceProbability: 0, bracketProbability: 0 };

function depthOf(expression: Expression): number {
  if (expression.kind === "number") return 0;
  if (expression.kind === "negate") return depthOf(expression.operand);
  const children = expression.kind === "binary" ? [expression.left, expression.right] : expression.arguments;
  return 1 + Math.max(...children.map(depthOf));
}

describe("generateProblems", () => {
  test("gives the exact value of every expression", () => {
    const problems = generateProblems({
      split: "supervised",
      count: 500,
      seed: 1,
      operators: OPERATORS,
      functions: ["max", "prev"],
      negatives: 0.5,
      zeroProbability: 0.2,
    });
    for (const { question, answer } of problems) {
      expect(formatRational(evaluate(parseExpression(question)))).toBe(answer);
    }
  });

  test("the pools of 30,000 problems are pairwise disjoint, whatever the seeds, spaces and brackets", () => {
    const splits = ["supervised", "reinforcement", "validation", "test"] as const;
    const counts = { supervised: 8000, reinforcement: 16_000, validation: 3000, test: 3000 };
    const owner = new Map<string, string>();
    splits.forEach((split, i) => {
      const problems = generateProblems({ split, count: counts[split], seed: i, solutions: false });
      const texts = problems.map(({ question }) => printExpression(parseExpression(question)));
      expect(new Set(texts).size).toBe(counts[split]);
      for (const text of texts) {
        expect(owner.has(text), `${text} is in ${owner.get(text)} and ${split}`).toBe(false);
        owner.set(text, split);
      }
    });
    expect(owner.size).toBe(30_000);
  });

  test("depends on seed and index alone", () => {
    const options = { split: "supervised", seed: 7, digitOrder: "mixed", stepProbability: 0.5 } as const;
    const long = generateProblems({ ...options, count: 60 });
    expect(generateProblems({ ...options, count: 20 })).toEqual(long.slice(0, 20));
    expect(generateProblems({ ...options, count: 60, seed: 8 })).not.toEqual(long);
  });

  test("the reinforcement pool holds no worked solutions", () => {
    const options = { count: 20, seed: 1 };
    expect(generateProblems({ ...options, split: "reinforcement" }).every((p) => p.solution === undefined)).toBe(true);
    expect(generateProblems({ ...options, split: "supervised" }).every((p) => p.solution !== undefined)).toBe(true);
  });

  test("keeps to digits and depth, and stops below the root with probability one half", () => {
    const count = 4000;
    const drawn = { split: "supervised", count, seed: 2, unique: false, solutions: false, ...plain } as const;
    const problems = generateProblems({ ...drawn, maxDigits: 3, maxDepth: 3 });
    const depths = problems.map(({ question }) => depthOf(parseExpression(question)));
    for (const { question } of problems)
      expect(Math.max(...question.match(/\d+/g)!.map((run) => run.length))).toBeLessThan(4);
    // Depth 1 needs both operands to stop: one in four. The deviation is 0.007.
    expect(Math.abs(depths.filter((depth) => depth === 1).length / count - 0.25)).toBeLessThan(0.03);
    expect(Math.max(...depths)).toBe(3);
    expect(Math.min(...depths)).toBe(1);
  });

  test("draws zeros, signs, spaces and brackets as often as asked", () => {
    const count = 4000;
    const drawn = {
      split: "supervised",
      count,
      seed: 3,
      unique: false,
      solutions: false,
      maxDepth: 1,
      maxDigits: 4,
    } as const;
    const share = (text: RegExp, options: object): number =>
      generateProblems({ ...drawn, operators: ["+"], ...options }).filter((p) => text.test(p.question)).length / count;
    expect(share(/^0\+/, { ...plain, zeroProbability: 0.1 })).toBeCloseTo(0.1, 1);
    expect(share(/^-/, { ...plain, negatives: 0.4 })).toBeCloseTo(0.4, 1);
    expect(share(/^\d+ /, { ...plain, spaceProbability: 0.25 })).toBeCloseTo(0.25, 1);
    expect(share(/^\(\d+\+/, { ...plain, bracketProbability: 0.15 })).toBeCloseTo(0.15 * 0.85, 1);
    expect(share(/ /, plain)).toBe(0);
  });

  test("a space of expressions that is used up ends in an error that says what to raise", () => {
    const small = { split: "test", seed: 1, maxDigits: 1, maxDepth: 1, operators: ["+"], zeroProbability: 0 } as const;
    expect(generateProblems({ ...small, count: 3 })).toHaveLength(3);
    expect(() => generateProblems({ ...small, count: 82 })).toThrow(DataError);
    expect(() => generateProblems({ ...small, count: 82 })).toThrow(/raise maxDigits \(1\), maxDepth \(1\)/);
    expect(generateProblems({ ...small, count: 82, unique: false })).toHaveLength(82);
  });

  test("only divisions by zero end in the same error, not in a hang", () => {
    const zeros = { split: "supervised", seed: 1, maxDepth: 1, operators: ["/"], zeroProbability: 1 } as const;
    expect(() => generateProblems({ ...zeros, count: 1 })).toThrow(DataError);
  });

  test("lists every option that is out of range", () => {
    const wrong = { split: "supervised", count: -1, seed: 1, maxDigits: 0, negatives: 2 } as const;
    expect(() => generateProblems(wrong)).toThrow(ConfigError);
    for (const name of ["count", "maxDigits", "negatives"]) {
      expect(() => generateProblems(wrong)).toThrow(new RegExp(`^  ${name}: expected`, "m"));
    }
    expect(() => generateProblems({ split: "supervised", count: 1, seed: 1, operators: [] })).toThrow(/both empty/);
    expect(() => generateProblems({ split: "supervised", count: 1, seed: 1, maxDigit: 3 } as never)).toThrow(
      /maxDigits\?/,
    );
    expect(() => generateProblems({ split: "supervised", count: 1, seed: 1, operators: ["^"] as never })).toThrow(
      /operators\[0\].*got "\^"/,
    );
  });
});

describe("problemFromText", () => {
  test("works a user's expression in full", () => {
    expect(problemFromText("3+4*2", { digitOrder: "big", scratchpad: true })).toEqual({
      id: "big:3+4*2",
      question: "3+4*2",
      answer: "11",
      solution: "4*2=8, 3+8=11",
      meta: { digitOrder: "big", scratchpad: true },
    });
  });

  test("says where the text is wrong", () => {
    expect(() => problemFromText("3+", { digitOrder: "big", scratchpad: true })).toThrow(/position 3/);
    expect(() => problemFromText("1/0", { digitOrder: "big", scratchpad: true })).toThrow(DataError);
  });
});
