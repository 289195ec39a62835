import { existsSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Problem } from "../records/problem.ts";
import { type CopyKind, countNearCopies, findNearCopies, withoutNearCopies } from "./near-copies.ts";
import { readProblems } from "./read-problems.ts";

const ask = (question: string, id = question): Problem => ({ id, question, answer: "1" });
const kindOf = (train: string, test: string) => findNearCopies([ask(train)], [ask(test)])[0]?.kind ?? null;

const story = "Dan had 3 red pens and 14 blue pens in his bag. How many pens did Dan have?";
/** The same words in another order. */
const turned = "How many pens did Dan have? In his bag Dan had 3 blue pens and 14 red pens.";

describe("kinds of copies", () => {
  test.each<[string, CopyKind | null]>([
    [story, "same"],
    ["  dan had 3 RED pens, and 14 blue pens in his bag; how many pens did Dan have", "same"],
    [story.replace("14", "1,400.5"), "renumbered"],
    // Of 18 words, `#` for the numbers included, one is added: 1/19 ≤ 0.1, whatever the numbers.
    [story.replace("bag", "old bag"), "reworded"],
    [story.replace("14", "15").replace("bag", "old bag"), "reworded"],
    [story.replace("14", "15").replace("red", "green").replace("bag", "box"), null],
    // Other order, so many edits; but the same words, and which number belongs to what is not looked at.
    [turned, "reworded"],
    [turned.replace("14", "15"), "related"],
    // 3 of 21 words are added, and 13 of 16 are shared.
    [story.replace("bag", "very big old bag"), null],
    ["What is 3 + 14?", null],
  ])("%s: %s", (other, kind) => {
    expect(kindOf(story, other)).toBe(kind);
    expect(kindOf(other, story)).toBe(kind);
  });

  test("questions without words or numbers are compared as they stand", () => {
    expect(kindOf("∫ = ?", "∫ = ?")).toBe("same");
    expect(kindOf("∫ = ?", "∑ = ?")).toBeNull();
  });

  test("the index finds what comparing every pair finds", () => {
    const words = fc.array(fc.constantFrom(..."abcdefghijklm"), { minLength: 8, maxLength: 30 });
    const questions = fc.array(
      words.map((list) => ask(list.join(" "))),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(questions, questions, (train, tested) => {
        const overlap = (a: string, b: string) => {
          const [one, two] = [new Set(a.split(" ")), new Set(b.split(" "))];
          const shared = [...one].filter((word) => two.has(word)).length;
          return shared / (one.size + two.size - shared);
        };
        for (const test of tested) {
          const found = findNearCopies(train, [test]);
          const alike = train.filter(({ question }) => overlap(question, test.question) >= 0.9 - 1e-9);
          expect(found.map((copy) => copy.train)).toEqual(expect.arrayContaining(alike));
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

test("training rows that are copies go, those that are only related stay unless asked", () => {
  const train = [
    ask(story, "same"),
    ask(story.replace("3", "5"), "renumbered"),
    ask(turned.replace("14", "15"), "related"),
    ask("What is 3 + 14?", "other"),
  ];
  const { train: kept, copies } = withoutNearCopies(train, [ask(story)]);
  expect(kept.map(({ id }) => id)).toEqual(["related", "other"]);
  expect(copies.map(({ kind }) => kind).sort()).toEqual(["related", "renumbered", "same"]);
  expect(countNearCopies(copies)).toEqual({
    same: { train: 1, test: 1 },
    renumbered: { train: 1, test: 1 },
    reworded: { train: 0, test: 0 },
    related: { train: 1, test: 1 },
  });
  const strict = withoutNearCopies(train, [ask(story)], ["same", "renumbered", "reworded", "related"]);
  expect(strict.train.map(({ id }) => id)).toEqual(["other"]);
});

const shared = join(import.meta.dirname, "../../../shared/data");

describe.skipIf(!existsSync(shared))("the published files (skipped where ../shared/data is absent)", () => {
  const copiesIn = async (layout: "svamp" | "gsm8k") => {
    const read = async (split: "train" | "test") =>
      (await readProblems({ path: join(shared, layout), layout, split })).problems;
    const [train, tested] = [await read("train"), await read("test")];
    const { train: kept, copies } = withoutNearCopies(train, tested);
    return { removed: train.length - kept.length, counts: countNearCopies(copies) };
  };
  const none = { train: 0, test: 0 };

  test("SVAMP: 134 training rows nearly repeat test questions; others tell the same story with another question", async () => {
    const expected = {
      same: none,
      renumbered: none,
      reworded: { train: 134, test: 108 },
      related: { train: 172, test: 119 },
    };
    expect(await copiesIn("svamp")).toEqual({ removed: 134, counts: expected });
  });

  test("GSM8K: no test question is in training, three are nearly", async () => {
    const expected = { same: none, renumbered: none, reworded: { train: 3, test: 2 }, related: none };
    expect(await copiesIn("gsm8k")).toEqual({ removed: 3, counts: expected });
  });
});
