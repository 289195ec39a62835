import { expect, test } from "vitest";
import { splitCompletion } from "./steps.ts";

test("steps end at the answer mark and are split at commas or lines", () => {
  expect(splitCompletion("4*2=8, 3+8=11<answer>11<eos>")).toEqual({ steps: ["4*2=8", "3+8=11"], answer: "11" });
  expect(splitCompletion("<scratchpad>a, b\nc<answer> 7 ")).toEqual({ steps: ["a, b", "c"], answer: "7" });
  expect(splitCompletion("4*2=8, 3+")).toEqual({ steps: ["4*2=8", "3+"], answer: null });
  expect(splitCompletion("<answer>5<eos>")).toEqual({ steps: [], answer: "5" });
});
