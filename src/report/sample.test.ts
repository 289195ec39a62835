import { expect, test } from "vitest";
import { formatSample, type Sample } from "./sample.ts";

const sample: Sample = {
  question: "3+4*2",
  completion: "4*2=8, 3+8=11<answer>11<eos>",
  answer: "11",
  gold: "11",
  right: true,
  stop: "eos",
};

test("steps line by line, and a check mark on a right answer", () => {
  expect(formatSample(sample)).toBe("3+4*2\n  │ 4*2=8\n  │ 3+8=11\n  = 11 ✓");
});

test("a wrong, an unknown and a missing answer", () => {
  expect(
    formatSample({ ...sample, answer: "12", right: false })
      .split("\n")
      .at(-1),
  ).toBe("  = 12 ✗, expected 11");
  expect(
    formatSample({ ...sample, gold: null, right: null })
      .split("\n")
      .at(-1),
  ).toBe("  = 11");
  expect(
    formatSample({ ...sample, completion: "4*2=8, 3+", answer: null, right: false, stop: "length" })
      .split("\n")
      .slice(1),
  ).toEqual(["  │ 4*2=8", "  │ 3+", "  ✗ no answer, expected 11  (cut off at the length limit)"]);
});
