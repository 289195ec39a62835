import { describe, expect, it } from "vitest";
import { DraftStore } from "./draft-store.ts";
import { chanceOfAny } from "./drafter.ts";

const prompt = [50, 51, 52, 53];

describe("a draft", () => {
  it("is what most attempts that begin alike went on with, and says how many", () => {
    const drafts = new DraftStore().open(prompt);
    expect(drafts.propose([], 9)).toBeNull();
    for (const tokens of [
      [1, 2, 3],
      [1, 2, 4, 5],
      [1, 2, 4, 6],
      [9, 2, 3],
    ])
      drafts.add(tokens);
    const draft = drafts.propose([1], 9);
    expect(draft?.kind).toBe("begun");
    // Of [1, 2, 4, 5] and [1, 2, 4, 6] the newer counts a little more.
    expect(draft?.tokens).toEqual([2, 4, 6]);
    const [first, second, third] = draft?.votes ?? [];
    const vote = (age: number) => 2 ** (-age / 16);
    expect(first.pro).toBeCloseTo(vote(1) + vote(2) + vote(3), 12);
    expect(first.contra).toBeCloseTo(0.5, 12);
    expect(second.pro).toBeCloseTo(vote(1) + vote(2), 12);
    expect(second.contra).toBeCloseTo(vote(3) + 0.5, 12);
    expect(third.pro).toBeCloseTo(vote(1), 12);
    expect(drafts.propose([1], 1)?.tokens).toEqual([2]);
    expect(drafts.propose([1], 0)).toBeNull();
  });

  it("is what followed the longest match of the end, where no attempt begins alike", () => {
    const drafts = new DraftStore().open(prompt);
    drafts.add([1, 2, 3, 4, 5]);
    drafts.add([7, 3, 4, 6]);
    // [2, 3, 4] stands in the older attempt, [3, 4] alone in the newer.
    expect(drafts.propose([8, 2, 3, 4], 9)).toMatchObject({ kind: "seen", tokens: [5] });
    expect(drafts.propose([8, 3, 4], 9)).toMatchObject({ kind: "seen", tokens: [6] });
    // An attempt that ended there has nothing to say.
    expect(drafts.propose([7, 3, 4, 6], 9)).toBeNull();
    expect(drafts.propose([9, 50, 51], 9)).toMatchObject({ kind: "prompt", tokens: [52, 53] });
    // One token in common is too little.
    expect(drafts.propose([9, 50], 9)).toBeNull();
  });
});

describe("a draft store", () => {
  it("keeps prompts apart", () => {
    const store = new DraftStore();
    store.open([1, 2]).add([3, 4]);
    expect(store.open([1, 2, 3]).propose([], 2)).toBeNull();
    expect(store.open([1, 2]).propose([], 2)?.tokens).toEqual([3, 4]);
  });

  it("holds no more than it may: the newest attempts, of the problems last opened", () => {
    const store = new DraftStore({ maxAttempts: 2, maxTokens: 20 });
    const first = store.open([1, 1, 1, 1]);
    for (const token of [5, 6, 7]) first.add([token, token, token]);
    expect(store.tokenCount).toBe(4 + 2 * 3);
    expect(first.propose([5], 1)).toBeNull();
    expect(first.propose([6], 1)?.tokens).toEqual([6]);
    store.open([2, 2, 2, 2]).add([8, 8, 8]);
    store.open([1, 1, 1, 1]);
    store.open([3, 3, 3, 3]).add([9, 9]);
    expect(store.tokenCount).toBe(10 + 7 + 6);
    store.trim();
    expect(store.tokenCount).toBe(10 + 6);
    expect(store.open([2, 2, 2, 2]).propose([], 1)).toBeNull();
    expect(store.open([1, 1, 1, 1]).propose([6], 1)?.tokens).toEqual([6]);
  });

  it("learns how often drafts of a kind come true", () => {
    const store = new DraftStore();
    expect(store.ratio("seen")).toBe(1);
    store.learn("seen", 8, 0);
    // Eight trials that came true as expected are what it begins with.
    expect(store.ratio("seen")).toBe(0.5);
    expect(store.ratio("begun")).toBe(1);
    store.learn("seen", 600, 600);
    expect(store.ratio("seen")).toBeCloseTo(608 / 616, 12);
  });
});

it("says how likely one of several attempts draws a token", () => {
  expect(chanceOfAny({ pro: 3, contra: 1 }, 1)).toBe(0.75);
  // 1 − (1/4) (2/5): less than the 1 − (1/4)² of draws that knew nothing of each other.
  expect(chanceOfAny({ pro: 3, contra: 1 }, 2)).toBeCloseTo(0.9, 12);
});
