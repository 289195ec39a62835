import { expect, test } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { weighReward } from "./reward.ts";

test("sums the weighted parts; null and unweighted parts add nothing", () => {
  expect(weighReward({ correct: 1, format: 1, steps: 0.5 }, { correct: 2, steps: 0.5 })).toBe(2.25);
  expect(weighReward({ correct: 1, steps: null }, { correct: 1, steps: 5 })).toBe(1);
  expect(weighReward({ correct: 0 }, {})).toBe(0);
});

test("a weight for a part that does not exist is an error, a part that is null exists", () => {
  expect(() => weighReward({ correct: 1, format: 1 }, { corect: 1 })).toThrow(ConfigError);
  expect(() => weighReward({ correct: 1, format: 1 }, { corect: 1 })).toThrow(
    /expected the parts correct, format, got corect/,
  );
});
