import { describe, expect, it } from "vitest";
import { parseConfig } from "../../base/config.ts";
import { answerFormats } from "../../prompt/answer-formats.ts";
import type { Attempt, RewardParts } from "../../records/attempt.ts";
import type { Problem } from "../../records/problem.ts";
import { compareAnswers } from "../answer-equivalence.ts";
import { makeReward, rewardKinds } from "../registry.ts";
import type { RewardContext } from "../reward-kind.ts";
import { cookbookParts } from "./cookbook.ts";
import { overlongPenalty } from "./length.ts";
import { announcesAnswer } from "./outcome.ts";
import { r1ZeroParts } from "./r1-zero.ts";
import { repetitionPenalty } from "./repetition.ts";
import { reasoningOf } from "./similarity.ts";

const context: RewardContext = { format: answerFormats.hash, maxNewTokens: 100, judge: compareAnswers };
const problem: Problem = { id: "p", question: "How many?", answer: "18", solution: "9 * 2 = 18\n#### 18" };

const attemptOf = (text: string, tokens = 1): Attempt => ({
  tokens: Array<number>(tokens).fill(7),
  logps: new Float32Array(tokens),
  stop: "eos",
  text,
});

/** Own parts of some completions under a reward of the registry, and what parts count for. */
async function scored(
  name: string,
  attempts: readonly Attempt[],
  over: { options?: object; graded?: RewardParts[]; context?: Partial<RewardContext> } = {},
) {
  const options = parseConfig(over.options ?? {}, rewardKinds[name].options, name);
  const reward = makeReward(name, options, 1, { ...context, ...over.context });
  const prompted = attempts.map((attempt) => ({ attempt, prompt: { problem, tokens: [] } }));
  const parts = await reward.score?.(prompted, over.graded ?? attempts.map(() => ({ correct: 1, steps: null })));
  return { weights: reward.weights, parts };
}

describe("length", () => {
  it.each([
    // The paper's own: 16,384 tokens free, then a fall over 4,096.
    [16_384, 20_480, 4096, 0],
    [17_408, 20_480, 4096, -0.25],
    [20_480, 20_480, 4096, -1],
    [30_000, 20_480, 4096, -1],
    [0, 10, 10, 0],
    [5, 10, 10, -0.5],
  ])("%i tokens of %i, the last %i falling: %d", (tokens, max, cache, penalty) => {
    expect(overlongPenalty(tokens, { max, cache })).toBeCloseTo(penalty, 12);
  });

  it("is of the task's longest completion unless told otherwise", async () => {
    const attempts = [attemptOf("", 80), attemptOf("", 90), attemptOf("", 100)];
    const { weights, parts } = await scored("length", attempts);
    expect(weights).toEqual({ length: 1 });
    expect(parts).toEqual([{ length: 0 }, { length: -0.5 }, { length: -1 }]);
    await expect(scored("length", [], { options: { max: 5, cache: 6 } })).rejects.toThrow(/cache from 1 to max \(5\)/);
  });
});

describe("repetition", () => {
  it.each([
    ["one two three", 2, 0],
    // no no, no no: one distinct of two.
    ["no no no", 2, -0.5],
    // a b, b a, a b: two of three.
    ["a b A B", 2, -1 / 3],
    // 1 +, + 1, 1 +, + 1: two of four.
    ["1+1+1", 2, -0.5],
    ["no no no", 4, 0],
    ["", 1, 0],
    ["x".repeat(50_000), 1, 0],
  ])("%s by %i: %d", (text, n, penalty) => {
    expect(repetitionPenalty(text, n)).toBeCloseTo(penalty, 12);
  });
});

describe("outcome", () => {
  it("adds a little for saying that the answer follows, and takes it back for length", async () => {
    const attempts = [attemptOf("#### 18", 75), attemptOf("18", 76)];
    expect(await scored("outcome", attempts)).toEqual({
      weights: { correct: 1, marker: 0.05, excess: -0.05 },
      parts: [
        { marker: 1, excess: 0 },
        { marker: 0, excess: 1 },
      ],
    });
    expect((await scored("outcome", attempts, { options: { limit: 10 } })).parts).toMatchObject([
      { excess: 1 },
      { excess: 1 },
    ]);
  });

  it.each([
    ["so \\boxed{18}", true],
    ["Final Answer: 18", true],
    ["The final answer is 18", false],
    ["### 18", false],
  ])("%s announces: %s", (text, announced) => expect(announcesAnswer(text)).toBe(announced));
});

describe("cookbook", () => {
  const completion = (answer: string) => `<start_working_out>9 * 2 = 18<end_working_out><SOLUTION>${answer}</SOLUTION>`;
  const partsOf = (text: string, gold = "18") =>
    cookbookParts(text, { answer: gold }, answerFormats["working-out"], compareAnswers);

  it("gives 3 + 2 + 3 + 1.5 for all of it", async () => {
    expect(await partsOf(completion("18"))).toEqual({ exactFormat: 3, elements: 2, closeness: 3, extraction: 1.5 });
  });

  it.each([
    // |answer − gold| / |gold|: 1/18, 2/18 of 18 (11.1 %), 4/18.
    ["19", "18", 1.5],
    ["20", "18", 0.5],
    ["22", "18", -0.5],
    // Exactly a tenth and a fifth away.
    ["110", "100", 1.5],
    ["90", "100", 1.5],
    ["120", "100", 0.5],
    ["121", "100", -0.5],
    ["18.0", "18", 3],
    ["-19", "-18", 1.5],
    ["19", "-19", -0.5],
    ["-18", "18", -0.5],
    // Nothing is near to 0 but itself.
    ["0", "0", 3],
    ["0.001", "0", -0.5],
    ["eighteen", "18", -0.5],
    ["Paris", "Paris", 3],
    ["Rome", "Paris", -0.5],
  ])("%s for %s is worth %d", async (answer, gold, closeness) => {
    expect((await partsOf(completion(answer), gold)).closeness).toBe(closeness);
  });

  it("never pays more for a missing answer than for a wrong one", async () => {
    const total = async (text: string) => {
      const parts = await partsOf(text);
      return Object.values(parts).reduce<number>((sum, value) => sum + (value ?? 0), 0);
    };
    const wrong = await total(completion("99"));
    for (const text of [completion(""), completion(" "), "<start_working_out>9<end_working_out>", "18", ""])
      expect(await total(text), text).toBeLessThan(wrong);
    expect((await partsOf(completion(""))).closeness).toBe(-0.5);
  });

  it("counts each mark that stands there once, and finds a number behind an answer that is not closed", async () => {
    // One mark twice, one missing.
    const open = "<start_working_out><start_working_out>9<end_working_out><SOLUTION>it is 18 apples";
    expect(await partsOf(open)).toEqual({ exactFormat: 0, elements: 0, closeness: -0.5, extraction: 1.5 });
    expect(await partsOf("18")).toEqual({ exactFormat: 0, elements: -2, closeness: -0.5, extraction: 0 });
    expect((await partsOf(completion("-18"))).extraction).toBe(0);
    expect(await partsOf(completion("Paris"), "Paris")).toMatchObject({ closeness: 3, extraction: null });
    expect((await partsOf(completion("1"), "9".repeat(3000))).closeness).toBeNull();
  });
});

describe("r1-zero", () => {
  it.each([
    ["a </think> <answer> 18 </answer>", 1, 1],
    ["a </think> <answer> 17 </answer>", 0, 1],
    ["a </think> <answer> so \\boxed{18} </answer>", 1, 1],
    ["a </think> <answer> \\boxed{18 </answer>", 0, 1],
    ["a </think> <answer> 17 </answer> <answer> 18", 1, 1],
    ["a </think> <answer>1</answer>8</answer>", 1, 1],
    ["a </think>  <answer> 18 </answer>", 0, 0],
    ["a </think><answer> 18 </answer>", 0, 0],
    ["a </think> <answer> 18", 0, 0],
    ["18", 0, 0],
  ])("%s: reward %i, format %i", async (text, reward, format) => {
    expect(await r1ZeroParts(text, "18", compareAnswers)).toEqual({ "r1-zero": reward, "r1-zero-format": format });
  });

  it("is not scored where the gold answer cannot be graded", async () => {
    const text = "a </think> <answer> 18 </answer>";
    expect(await r1ZeroParts(text, " ", compareAnswers)).toEqual({ "r1-zero": null, "r1-zero-format": 1 });
    expect(await r1ZeroParts(text, "18", async () => ({ equal: null }))).toMatchObject({ "r1-zero": null });
  });
});

describe("arithmetic", () => {
  it("gives true steps to wrong answers alone", async () => {
    const graded = [
      { correct: 1, format: 1, steps: 0.5 },
      { correct: 0, format: 1, steps: 0.5 },
      { correct: 0, format: 0, steps: null },
      { correct: null, format: 0, steps: 1 },
    ];
    const attempts = graded.map(() => attemptOf(""));
    expect(await scored("arithmetic", attempts, { graded, options: { partial: 0.2, format: 0.1 } })).toEqual({
      weights: { correct: 1, format: 0.1, partial: 0.2 },
      parts: [{ partial: 0 }, { partial: 0.5 }, { partial: 0 }, { partial: null }],
    });
    expect((await scored("arithmetic", [])).weights).toEqual({ correct: 1, format: 0, partial: 0 });
  });
});

describe("weighted and similarity", () => {
  it.each([
    ["9 * 2 = 18\n#### 18", "hash", "9 * 2 = 18"],
    ["9 * 2 = 18", "hash", "9 * 2 = 18"],
    ["#### 18", "hash", ""],
    ["<think> 9 * 2 </think><answer>18</answer>", "think-answer", "9 * 2"],
    ["9 * 2 <answer>18</answer>", "think-answer", "9 * 2"],
    [" 9 * 2 </think> <answer> 18 </answer>", "r1-zero", "9 * 2"],
    ["<start_working_out>9<end_working_out><SOLUTION>1</SOLUTION>", "working-out", "9"],
    ["it is \\boxed{18}", "boxed", "it is \\boxed{18}"],
  ] as const)("the reasoning of %s in %s is %s", (text, format, reasoning) => {
    expect(reasoningOf(text, format)).toBe(reasoning);
  });

  it("compares reasonings in one call, and asks for none where there is nothing to compare", async () => {
    const asked: unknown[] = [];
    const similarity: RewardContext["similarity"] = async (pairs, options) => {
      asked.push([pairs, options.encoder]);
      return pairs.map((_, i) => 0.5 + i / 4);
    };
    const attempts = ["9 + 9 = 18\n#### 18", "#### 18", "two nines\n#### 18"].map((text) => attemptOf(text));
    expect(await scored("weighted", attempts, { context: { similarity } })).toEqual({
      weights: { correct: 0.7, format: 0.15, similarity: 0.15 },
      parts: [{ similarity: 0.5 }, { similarity: 0 }, { similarity: 0.75 }],
    });
    const reference = "9 * 2 = 18";
    const pairs = [
      { candidate: "9 + 9 = 18", reference },
      { candidate: "two nines", reference },
    ];
    expect(asked).toEqual([[pairs, "policy"]]);
    await scored("similarity", attempts.slice(1, 2), { context: { similarity } });
    expect(asked).toHaveLength(1);
  });

  it("say what is wrong without a model, and with one that gives no numbers", async () => {
    await expect(scored("weighted", [])).rejects.toThrow(/no model here to embed texts with/);
    const similarity = async () => [Number.NaN];
    await expect(scored("similarity", [attemptOf("x")], { context: { similarity } })).rejects.toThrow(/finite scores/);
  });
});
