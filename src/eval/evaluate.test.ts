import { expect, it } from "vitest";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy } from "../model/policy.ts";
import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { sampleAttempts } from "../rollout/rollout.ts";
import { evaluate } from "./evaluate.ts";

const policy = createPolicy(
  openReferenceDevice(),
  mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1, block: "llama" }, 12),
  { seed: 3, trained: false },
);
const prompts = Array.from({ length: 30 }, (_, p): Prompt => {
  const tokens = Array.from({ length: 1 + (p % 4) }, (_, i) => 1 + ((3 * p + i) % 11));
  return { problem: { id: String(p), question: "", answer: "" }, tokens };
});
const grading: Grading = {
  eosId: [0, 5],
  decode: (ids) => ids.map((id) => `<${id}>`).join(""),
  grade: async (scored) =>
    scored.map(({ attempt: { tokens, stop } }) => ({ correct: tokens.length % 2, format: stop === "length" ? 0 : 1 })),
  extract: ({ tokens }) => String(tokens.length),
};
const sampling = { maxNewTokens: 3, stopStrings: ["<9>"] };

it("grades one attempt at each problem, in the order of the problems", async () => {
  const done: number[] = [];
  const options = { name: "held out", sampling, seed: 4 };
  const { summary, attempts } = await evaluate(policy, prompts, grading, options, (n) => void done.push(n));
  const textStream = () => ({ push: (id: number) => `<${id}>`, flush: () => "" });
  const tokens = prompts.map((prompt) => prompt.tokens);
  const sampled = await sampleAttempts(policy, tokens, { ...sampling, eosId: [0, 5], seed: 4, textStream });
  expect(attempts.map(({ attempt }) => attempt.tokens)).toEqual(sampled.attempts.map(([one]) => one.tokens));
  expect(attempts.map(({ prompt }) => prompt)).toEqual(prompts);
  const right = attempts.filter(({ attempt }) => attempt.tokens.length % 2 === 1).length;
  const ended = attempts.filter(({ attempt }) => attempt.stop !== "length").length;
  expect(summary).toMatchObject({ name: "held out", n: 30, accuracy: right / 30, formatAccuracy: ended / 30 });
  expect(new Set(attempts.map(({ attempt }) => attempt.stop))).toEqual(new Set(["eos", "stop", "length"]));
  expect(done.at(-1)).toBe(30);
  expect(done).toEqual([...done].sort((a, b) => a - b));
});

it("draws further attempts beside the greedy one, for pass@k and maj@k", async () => {
  const done: [number, number][] = [];
  const samples = { attempts: 4, temperature: 1, topP: 1 };
  const options = { name: "held out", sampling: { ...sampling, temperature: 0 }, seed: 4 };
  const alone = await evaluate(policy, prompts, grading, options);
  const both = await evaluate(policy, prompts, grading, { ...options, samples }, (...at) => void done.push(at));
  expect(both.attempts).toEqual(alone.attempts);
  expect([alone.samples, alone.summary.sampled]).toEqual([[], undefined]);
  expect(both.samples.map((list) => list.length)).toEqual(Array(30).fill(4));
  const right = both.samples.map((list) => list.filter(({ parts }) => parts.correct === 1).length);
  const { passAt, majority, attempts, meanLength } = both.summary.sampled!;
  expect([attempts, passAt.map(({ k }) => k)]).toEqual([4, [1, 2, 4]]);
  expect(passAt[0].value).toBeCloseTo(right.reduce((a, b) => a + b) / 120, 12);
  expect(passAt[2].value).toBeCloseTo(right.filter((count) => count > 0).length / 30, 12);
  // Of 1 to 3 tokens, odd ones are right: 1 and 3 are one kind of right answer, and 2 the one wrong answer.
  const won = right.map((count) => (count > 2 ? 1 : count === 2 ? 0.5 : 0) as number);
  expect(majority.value).toBeCloseTo(won.reduce((a, b) => a + b) / 30, 12);
  expect(meanLength).toBeCloseTo(
    both.samples.flat().reduce((sum, one) => sum + one.attempt.tokens.length, 0) / 120,
    12,
  );
  expect(done.at(-1)).toEqual([150, 150]);
  expect(done[0][1]).toBe(150);
});

it("says what attempts came to", async () => {
  const options = { name: "held out", sampling, seed: 4 };
  const { summary, attempts } = await evaluate(policy, prompts, grading, options);
  const { outcomes, truncatedShare, flexibleAccuracy, breakdown, parts } = summary;
  const cut = attempts.filter(({ attempt }) => attempt.stop === "length");
  expect(truncatedShare).toBeCloseTo(cut.length / 30, 12);
  expect(outcomes).toMatchObject({
    correct: Math.round(summary.accuracy * 30),
    truncated: cut.filter(({ parts: { correct } }) => correct === 0).length,
    ungradable: 0,
  });
  expect(parts).toEqual({ correct: summary.accuracy, format: summary.formatAccuracy });
  expect([flexibleAccuracy, breakdown]).toEqual([undefined, undefined]);
});

it("ends when its observer says so, and measures nothing where there is nothing", async () => {
  const options = { name: "held out", sampling, seed: 4 };
  const stop = (done: number) => {
    if (done > 3) throw new Error("stopped");
  };
  await expect(evaluate(policy, prompts, grading, options, stop)).rejects.toThrow("stopped");
  const { summary } = await evaluate(policy, [], grading, options);
  expect(summary).toMatchObject({ n: 0, accuracy: 0, ci95: [0, 1] });
});
