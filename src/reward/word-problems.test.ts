import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { readProblems } from "../data/read-problems.ts";
import { ANSWER_FORMATS } from "../prompt/answer-format.ts";
import { answerFormats } from "../prompt/answer-formats.ts";
import { MathTokenizer } from "../prompt/math-tokenizer.ts";
import type { Attempt } from "../records/attempt.ts";
import type { Problem } from "../records/problem.ts";
import { compareAnswers } from "./answer-equivalence.ts";
import { countEquations } from "./equations.ts";
import { readNumber } from "./number-text.ts";
import { weighReward } from "./reward.ts";
import { gradeWordProblem, wordGrading, wordReward } from "./word-problems.ts";

const problem: Problem = { id: "1", question: "How much?", answer: "1,080", solution: "24*45 = 1,080" };
const { hash, boxed } = answerFormats;

function attempt(text: string, stop: Attempt["stop"] = "eos"): Attempt {
  return { tokens: [], logps: new Float32Array(0), stop, text };
}

describe("compareAnswers", () => {
  test.each([
    ["1080", "1,080", true, "number"],
    ["$1,080.00", "1080", true, "number"],
    ["0.5", "1/2", true, "number"],
    ["0.333333", "1/3", false, "number"],
    // As floating-point numbers these are equal.
    ["0.1000000000000000000001", "0.1", false, "number"],
    ["-5", "5", false, "number"],
    ["0.5", "50%", false, "number"],
    ["5 apples", "5", true, "number"],
    ["5 apples", "5 Apple", true, "number"],
    ["$5", "5 dollars", true, "number"],
    ["5 apples", "5 pears", false, "number"],
    ["(1,200)", "1200", false, "text"],
    ["five", "5", false, "text"],
    ["", "5", false, "text"],
    ["x +  1.", "x + 1", true, "text"],
    ["x + 2", "x + 1", false, "text"],
    ["[0,1)", "(0,1]", false, "text"],
    ["5xy", "5", false, "text"],
    ["5", " ", null, "text"],
    ["5", "5".repeat(2001), null, "text"],
  ])("`%s` for `%s`: %s by %s", (answer, gold, equal, tier) => {
    expect(compareAnswers(answer, gold)).toEqual({ equal, tier });
  });
});

describe("gradeWordProblem", () => {
  test.each([
    ["24*45\n#### 1080", 1, 1, 1],
    ["#### $1,080.00", 1, 1, 1],
    ["#### 1081", 0, 1, 0],
    ["#### The answer is 1080", 0, 1, 1],
    ["It is 1,080.", 0, 0, 1],
    ["It is 1,080, not 7.", 0, 0, 0],
    // A marked answer stands, whatever number comes after.
    ["#### 7\nor 1080", 0, 0, 0],
    ["#### 1080\nwith 2 hands", 1, 0, 1],
    ["", 0, 0, 0],
  ])("%j: correct %i, format %i, flexible %i", (completion, correct, format, flexible) => {
    expect(gradeWordProblem(completion, problem, hash)).toMatchObject({ correct, format, flexible, steps: null });
  });

  test.each([
    ["34 - 16 = 28\n#### 28", 1],
    ["It is (30 + 4) - 16 = 18, so 36 / 2 = 17\n#### 17", 1],
    ["36 / 2 = 18, and 18 + 1 = 19\n#### 18", 0],
    ["#### 18", 0],
    ["18 = 18\n#### 18", 0],
  ])("%j: setup %i, of the last equation's left side alone", (completion, setup) => {
    expect(gradeWordProblem(completion, { ...problem, answer: "18.0" }, hash).setup).toBe(setup);
  });

  test("an answer that may have been cut off is none; one that a mark or a line's end closes stands", () => {
    expect(gradeWordProblem("24*45\n#### 1080", problem, hash, "length")).toEqual({
      correct: 0,
      format: 0,
      flexible: 1,
      steps: null,
      setup: 0,
    });
    expect(gradeWordProblem("24*45\n#### 1080\n", problem, hash, "length").correct).toBe(1);
    expect(gradeWordProblem("\\boxed{1080}", problem, boxed, "length").correct).toBe(1);
  });

  test("a gold answer that cannot be graded is null, not wrong", () => {
    const parts = gradeWordProblem("#### 5", { ...problem, answer: " " }, hash);
    expect(parts).toEqual({ correct: null, format: 1, flexible: null, steps: null, setup: null });
    expect(weighReward(parts, { correct: 1, format: 0.1 })).toBe(0.1);
  });

  test("r1-zero rewards an answer only in its format", () => {
    const r1Zero = answerFormats["r1-zero"];
    expect(gradeWordProblem("a </think> <answer>1080</answer>", problem, r1Zero)).toMatchObject({
      correct: 1,
      format: 1,
    });
    expect(gradeWordProblem("a </think><answer>1080</answer>", problem, r1Zero)).toMatchObject({
      correct: 0,
      format: 0,
    });
    expect(gradeWordProblem("a </think> <answer>\\boxed{1080</answer>", problem, r1Zero)).toMatchObject({
      correct: 0,
      format: 1,
    });
  });
});

test("wordGrading reads ids without the end token and grades them", async () => {
  const tokenizer = Object.assign(new MathTokenizer(), { stopIds: [52] });
  const grading = wordGrading(tokenizer, boxed);
  expect(grading.eosId).toBe(tokenizer.eosId);
  expect(grading.decode([1, 2, tokenizer.eosId])).toBe("12");
  expect(grading.decode([1, 2, 52])).toBe("12");
  expect(grading.decode([1, tokenizer.eosId, 2])).toBe("1<eos>2");
  expect(grading.decode([])).toBe("");
  const prompt = { problem, tokens: [] };
  const scored = ["\\boxed{1080}", "\\boxed{7}"].map((text) => ({ attempt: attempt(text), prompt }));
  const rest = { format: 1, steps: null, setup: 0 };
  expect(await grading.grade(scored)).toEqual([
    { correct: 1, flexible: 1, ...rest },
    { correct: 0, flexible: 0, ...rest },
  ]);
  expect(grading.extract(attempt("\\boxed{7}"))).toBe("7");
  expect(grading.extract(attempt("7"))).toBeNull();
  expect(wordReward(hash)(attempt("#### 1080", "length"), problem).correct).toBe(0);
});

const shared = join(import.meta.dirname, "../../../shared/data");

describe.skipIf(!existsSync(shared))("every published problem (skipped where ../shared/data is absent)", () => {
  test.each([
    ["gsm8k", 7473 + 1319],
    // Without row 680, which contradicts itself.
    ["svamp", 999],
  ] as const)("%s: %i gold answers are right in all formats, other answers wrong", async (layout, count) => {
    const sets = [];
    for (const split of ["train", "test"] as const) {
      sets.push(await readProblems({ path: join(shared, layout), layout, split }));
    }
    const problems = sets.flatMap((set) => set.problems);
    expect(problems).toHaveLength(count);
    const failed: string[] = [];
    let untrue = 0;
    let ungrounded = 0;
    let misread = 0;
    for (const [place, one] of problems.entries()) {
      const gold = readNumber(one.answer)!.value.numerator;
      expect(readNumber(one.answer)!.value.denominator).toBe(1n);
      // Every problem as it is, and in one of these ways in turn.
      const others = [`${gold}.0`, `$${gold}`, `${gold * 2n}/2`, `${gold} units`];
      const wrong = [`${gold + 1n}`, `${gold}.5`, `${gold}1`, gold === 0n ? "1" : `${-gold}`];
      for (const name of ANSWER_FORMATS) {
        const format = answerFormats[name];
        const grade = (answer: string) => gradeWordProblem(format.completion({ ...one, answer }), one, format);
        const { steps, setup } = grade(one.answer);
        const scores = (value: 0 | 1) => ({ correct: value, format: 1, flexible: value, steps, setup });
        const right = [one.answer, others[place % 4]].every((text) => isDeepStrictEqual(grade(text), scores(1)));
        const rejected = isDeepStrictEqual(grade(wrong[place % 4]), scores(0));
        const { total, correct } = countEquations(format.completion(one), one.question);
        if (name === "hash" && correct < total) untrue++;
        if (layout === "svamp" && steps !== null && steps < 1) ungrounded++;
        if (layout === "svamp" && setup === 0 && total > 0) misread++;
        if (!right || !rejected) failed.push(`${name} ${one.id}`);
      }
    }
    expect(failed).toEqual([]);
    expect(misread).toBe(0);
    // What GSM8K's solutions round, abbreviate (`2k`) or say with per cents.
    expect(untrue).toBeLessThan(layout === "svamp" ? 1 : 0.02 * count);
    // SVAMP's equations are of the question's numbers, but for a few that are written as words.
    expect(ungrounded).toBeLessThan(0.03 * count * ANSWER_FORMATS.length);
  });
});
