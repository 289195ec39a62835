import { expect, it } from "vitest";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { mathFormer } from "../model/config.ts";
import { createPolicy } from "../model/policy.ts";
import type { Attempt } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import type { Grading } from "../rollout/attempts.ts";
import { probeLengths } from "./length-probe.ts";

const shape = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 } as const;
const policy = createPolicy(openReferenceDevice(), mathFormer(shape, 6), { seed: 3, trained: false });
const prompts = Array.from(
  { length: 12 },
  (_, i): Prompt => ({ problem: { id: `${i}`, question: "", answer: "" }, tokens: [1 + (i % 5)] }),
);

/** Grades by length, and keeps what it has seen. */
function watchedGrading() {
  const seen: Attempt[] = [];
  const grading: Grading = {
    eosId: 0,
    decode: (tokens) => tokens.join(" "),
    grade: async (scored) => {
      seen.push(...scored.map(({ attempt }) => attempt));
      return scored.map(({ attempt }) => ({ correct: attempt.tokens.length === 1 ? 1 : 0 }));
    },
    extract: () => null,
  };
  return { seen, grading };
}

it("counts one attempt at each prompt: those cut, those right, and how long those are that ended", async () => {
  const { seen, grading } = watchedGrading();
  const found = await probeLengths(policy, prompts, grading, { sampling: { maxNewTokens: 3 }, seed: 1 });
  const ended = seen.filter(({ tokens }) => tokens.at(-1) === 0);
  expect(seen).toHaveLength(12);
  // Of six tokens one ends a completion: neither all nor none do within three.
  expect(ended.length).toBeGreaterThan(0);
  expect(ended.length).toBeLessThan(12);
  const total = ended.reduce((sum, { tokens }) => sum + tokens.length, 0);
  expect(found).toEqual({
    attempts: 12,
    cutShare: 1 - ended.length / 12,
    meanEndedLength: total / ended.length,
    correctShare: seen.filter(({ tokens }) => tokens.length === 1).length / 12,
  });
  const again = watchedGrading();
  await probeLengths(policy, prompts, again.grading, { sampling: { maxNewTokens: 3 }, seed: 1 });
  expect(again.seen.map(({ tokens }) => tokens)).toEqual(seen.map(({ tokens }) => tokens));
});

it("says 0 for the length where none ends", async () => {
  const { grading } = watchedGrading();
  const sampling = { maxNewTokens: 2, minNewTokens: 2, ignoreEos: true };
  const found = await probeLengths(policy, prompts, grading, { sampling, seed: 1 });
  expect(found).toMatchObject({ cutShare: 1, meanEndedLength: 0, correctShare: 0 });
});
