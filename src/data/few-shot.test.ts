import { expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import type { Problem } from "../records/problem.ts";
import { chooseExamples } from "./few-shot.ts";

const problem = (id: string, question: string): Problem => ({ id, question, answer: "1" });
const things = ["apples", "boats", "cats", "doors", "eggs", "flags", "goats", "hats", "irons", "jars"];
const training = things.map((thing, i) =>
  problem(
    `t${i}`,
    `On day ${i} Ann counted ${i + 3} ${thing} near the ${thing} shop before ${thing} were sold. How many?`,
  ),
);
const ids = (examples: readonly Problem[]) => examples.map(({ id }) => id);

test("examples are drawn with a seed, the same for every question", () => {
  const asked = [problem("a", "What is the price of bread?"), problem("b", "How far is the sea?")];
  const [first, second] = chooseExamples(asked, training, { count: 3, seed: 1 });
  expect(ids(first)).toEqual(ids(second));
  expect(new Set(ids(first)).size).toBe(3);
  expect(chooseExamples(asked, training, { count: 3, seed: 1 })[0]).toEqual(first);
  const others = [2, 3, 4, 5].map((seed) => ids(chooseExamples(asked, training, { count: 3, seed })[0]).join());
  expect(new Set([...others, ids(first).join()]).size).toBeGreaterThan(3);
  expect(chooseExamples(asked, training, { count: 0, seed: 1 })).toEqual([[], []]);
});

test("a near copy of the question is passed over for that question alone", () => {
  const other = problem("o", "What is the price of bread?");
  const [taken] = chooseExamples([other], training, { count: 1, seed: 7 })[0];
  const copy = problem("c", taken.question.replace(/\d+/g, "88"));
  const [forCopy, forOther] = chooseExamples([copy, other], training, { count: 9, seed: 7 });
  expect(ids(forCopy)).not.toContain(taken.id);
  expect(ids(forOther)).toContain(taken.id);
  expect(forCopy).toHaveLength(9);
  expect(() => chooseExamples([copy], training, { count: 10, seed: 7 })).toThrow(DataError);
  expect(() => chooseExamples([copy], training, { count: 10, seed: 7 })).toThrow(/there are 9 of 10/);
});
