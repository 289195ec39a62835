import { expect, it } from "vitest";
import type { AttemptRecord } from "../records/events.ts";
import { compareWithBefore } from "./compare-stages.ts";

const sample = (stage: string, problem: string, correct: number): AttemptRecord => ({
  stage,
  step: 1,
  problem,
  question: "",
  gold: "",
  completion: "",
  answer: null,
  stop: "eos",
  tokens: 1,
  parts: { correct },
  reward: correct,
  advantage: null,
});

const base = [sample("base", "a", 0), sample("base", "b", 1), sample("base", "c", 0)];
const sft = [sample("sft", "c", 1), sample("sft", "a", 1), sample("sft", "b", 0)];
const rl = [sample("rl", "a", 1), sample("rl", "b", 1), sample("rl", "c", 1)];

it("sets a stage against the one measured just before it, whatever the order of problems", () => {
  expect(compareWithBefore(base, sft)).toEqual({ against: "base", mended: 2, broken: 1, p: 1 });
  expect(compareWithBefore([...base, ...sft], rl)).toEqual({ against: "sft", mended: 1, broken: 0, p: 1 });
});

it("compares nothing where there was no stage, or other problems", () => {
  expect(compareWithBefore([], base)).toBeNull();
  expect(compareWithBefore(base.slice(1), sft)).toBeNull();
});
