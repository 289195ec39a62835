import { describe, expect, it } from "vitest";
import type { TextStream } from "../prompt/tokenizer-text-stream.ts";
import { Ending } from "./completion.ts";
import { completeSampling, type SamplingOptions } from "./sampling.ts";

const words = ["", "a", "b", "ab", "</", "s>", "\n\n", "."];
const textStream = (): TextStream => ({ push: (id) => words[id], flush: () => "" });

/** How a completion that draws these tokens ends, and after how many. */
function endOf(tokens: readonly number[], options: Partial<SamplingOptions> & { eosId?: number | number[] }) {
  const { eosId = 0, ...sampling } = options;
  const ending = new Ending({ ...completeSampling({ maxNewTokens: 8, ...sampling }), eosId, textStream });
  const completion = ending.begin();
  for (const token of tokens) {
    completion.add(token);
    if (completion.stop) break;
  }
  return [completion.stop, completion.tokens.length];
}

describe("a completion ends", () => {
  it("with an end token, of which there may be several", () => {
    expect(endOf([1, 2, 0, 1], {})).toEqual(["eos", 3]);
    expect(endOf([1, 2, 7, 1], { eosId: [0, 7] })).toEqual(["eos", 3]);
  });

  it("not with an end token that is to be ignored, but still with a stop token", () => {
    expect(endOf([0, 0, 7, 1], { ignoreEos: true })).toEqual([null, 4]);
    expect(endOf([0, 0, 7, 1], { ignoreEos: true, stopTokens: [7] })).toEqual(["stop", 3]);
  });

  it("with a stop token, which counts as the end token where it is one", () => {
    expect(endOf([1, 7, 2], { stopTokens: [6, 7] })).toEqual(["stop", 2]);
    expect(endOf([1, 0], { stopTokens: [0] })).toEqual(["eos", 2]);
  });

  it("with the token that completes a stop string, within a token or across some", () => {
    expect(endOf([1, 3, 1], { stopStrings: ["b"] })).toEqual(["stop", 2]);
    expect(endOf([1, 4, 5, 1], { stopStrings: ["</s>"] })).toEqual(["stop", 3]);
    expect(endOf([1, 1, 2, 2, 1], { stopStrings: ["zzzzzz", "abb"] })).toEqual(["stop", 4]);
    expect(endOf([4, 1, 5, 4, 7, 5], { stopStrings: ["</s>"] })).toEqual([null, 6]);
  });

  it("at the length limit, unless its last token ends it anyway", () => {
    expect(endOf([1, 2, 3], { maxNewTokens: 3 })).toEqual(["length", 3]);
    expect(endOf([1, 2, 0], { maxNewTokens: 3 })).toEqual(["eos", 3]);
  });

  it("not by a stop string before minNewTokens, nor by one that was complete by then", () => {
    expect(endOf([1, 2, 1, 2], { stopStrings: ["b"], minNewTokens: 3 })).toEqual(["stop", 4]);
    expect(endOf([1, 2, 1, 1], { stopStrings: ["b"], minNewTokens: 3 })).toEqual([null, 4]);
  });
});

it("knows when its next token may not end it, and which tokens those are", () => {
  const ending = new Ending({
    ...completeSampling({ maxNewTokens: 8, minNewTokens: 2, stopTokens: [5] }),
    eosId: 0,
    textStream: null,
  });
  expect([...ending.barredIds].sort()).toEqual([0, 5]);
  const completion = ending.begin();
  expect(completion.tooShortAfter(0)).toBe(true);
  completion.add(1);
  expect(completion.tooShortAfter(0)).toBe(false);
});
