import { describe, expect, it } from "vitest";
import { CheckpointError, DataError } from "../base/errors.ts";
import type { ScoredGroup } from "../records/attempt.ts";
import type { Prompt } from "../records/problem.ts";
import { openCurriculum } from "./curriculum.ts";
import { EasiestFirst } from "./easiest-first.ts";
import { EpochOrder } from "./epoch-order.ts";
import { SolveRateOrder } from "./solve-rate-order.ts";

const prompt = (id: string, length: number, level?: number): Prompt => ({
  problem: { id, question: id, answer: "", ...(level !== undefined && { meta: { level } }) },
  tokens: new Array(length).fill(1),
});
const ids = (prompts: readonly Prompt[]) => prompts.map(({ problem }) => problem.id).join("");

/** A group whose attempts were right so often; null: nobody could grade them. */
const group = (of: Prompt, correct: readonly (number | null)[]): ScoredGroup => ({
  prompt: of,
  attempts: [],
  parts: correct.map((value) => ({ correct: value })),
  rewards: [],
  advantages: [],
});

describe("easiest first", () => {
  const prompts = [prompt("d", 9, 3), prompt("a", 7, 1), prompt("c", 3, 3), prompt("b", 4, 2)];

  it("goes by level, then by length, and begins again with every epoch", () => {
    const order = new EasiestFirst(prompts, [0, 3], 8);
    expect(ids([...order.at(0, 2), ...order.at(1, 2)])).toBe("abcd");
    expect(ids([...order.at(2, 2), ...order.at(3, 2)])).toBe("abcd");
    expect(ids(order.at(1, 3))).toBe("dab");
    expect(() => new EasiestFirst([], [0], 1)).toThrow(DataError);
  });

  it("has the prompts that would have come without it", () => {
    const many = Array.from({ length: 30 }, (_, i) => prompt(String.fromCharCode(65 + i), 1 + ((i * 7) % 30)));
    const taken = (order: { at(step: number, count: number): Prompt[] }) =>
      [0, 1, 2].flatMap((step) => order.at(step, 4));
    const sorted = taken(new EasiestFirst(many, [5, 3], 12));
    expect(ids(sorted).split("").sort()).toEqual(
      ids(taken(new EpochOrder(many, [5, 3])))
        .split("")
        .sort(),
    );
    const lengths = sorted.map(({ tokens }) => tokens.length);
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
  });
});

describe("by solve rate", () => {
  const prompts = ["a", "b", "c", "d"].map((id) => prompt(id, 1));
  const [a, b, c, d] = prompts;
  const next = (order: SolveRateOrder) => ids(order.at(0, 4)).split("").sort().join("");

  it("begins with prompts nobody knows anything of, then keeps those solved 20-80 % of the time", () => {
    const order = new SolveRateOrder(prompts, [0, 3], null);
    expect(next(order)).toBe("abcd");
    order.learn([group(a, [1, 1, 1]), group(b, [0, 0, 0]), group(c, [1, 0, 0]), group(d, [null, null])]);
    // Two of four are passed over in each of three epochs, then tried again.
    const seen = [0, 1, 2].map(() => ids(order.at(0, 2)).split("").sort().join(""));
    expect(seen).toEqual(["cd", "cd", "cd"]);
    expect(order.passedOver).toBe(6);
    expect(next(order)).toBe("abcd");
  });

  it("remembers half of what was before", () => {
    const order = new SolveRateOrder(prompts, [0, 3], null);
    for (const correct of [1, 0, 0]) order.learn([group(a, [correct, correct])]);
    expect(order.memory.seen).toEqual([[0, 0.25, 0]]);
  });

  it("gives as many as are wanted, also where there are fewer prompts, and keeps those that are not wanted", () => {
    const order = new SolveRateOrder(prompts, [0, 3], null);
    expect(order.at(0, 11)).toHaveLength(11);
    const [first, second] = [new SolveRateOrder(prompts, [1, 3], null), new SolveRateOrder(prompts, [1, 3], null)];
    const parts = [...first.at(0, 4, 1), ...first.at(0, 3, 3)];
    expect(ids(parts)).toBe(ids(second.at(0, 4)));
  });

  it("goes on from its memory, and refuses another's", () => {
    const order = new SolveRateOrder(prompts, [0, 3], null);
    order.at(0, 3);
    order.learn([group(a, [1, 1]), group(b, [0, 1])]);
    order.at(1, 3);
    const again = new SolveRateOrder(prompts, [0, 3], JSON.parse(JSON.stringify(order.memory)));
    expect(again.memory).toEqual(order.memory);
    for (let step = 2; step < 9; step++) expect(ids(again.at(step, 3))).toBe(ids(order.at(step, 3)));
    const odd = { place: 0, seen: [[7, 0.5, 0]] as [number, number, number][] };
    expect(() => new SolveRateOrder(prompts, [0, 3], odd)).toThrow(CheckpointError);
    expect(() => new SolveRateOrder(prompts, [0, 3], {} as never)).toThrow(/solve rates of 4 prompts/);
  });
});

it("without a curriculum, prompts come shuffled and nothing is remembered", () => {
  const prompts = ["a", "b", "c"].map((id) => prompt(id, 1));
  const options = { seed: 7, promptsPerStep: 2, schedule: { learningRate: 0, totalSteps: 3 } };
  const none = openCurriculum(prompts, { ...options, curriculum: "none" });
  expect(ids(none.order.at(1, 2))).toBe(ids(new EpochOrder(prompts, [7, 3]).at(1, 2)));
  expect([none.learn([]), none.memory()]).toEqual([{}, undefined]);
});
