import fc from "fast-check";
import { expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import { MATH_TOKENS, MathTokenizer } from "./math-tokenizer.ts";

const tokenizer = new MathTokenizer();

test("has the 57 tokens, each once", () => {
  expect(tokenizer.vocabularySize).toBe(57);
  expect(new Set(MATH_TOKENS).size).toBe(57);
  expect(tokenizer.decode([tokenizer.eosId])).toBe("<eos>");
});

test("writes words as one token and all else character by character", () => {
  expect(tokenizer.encode("<sos><little>3+4<scratchpad>3+4=7<answer>7<eos>")).toEqual([
    52, 55, 3, 11, 4, 51, 3, 11, 4, 19, 7, 56, 7, 53,
  ]);
});

test("text and ids go there and back", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...MATH_TOKENS)), (tokens) => {
      const ids = tokenizer.encode(tokens.join(""));
      expect(ids).toHaveLength(tokens.length);
      expect(tokenizer.decode(ids)).toBe(tokens.join(""));
    }),
    { seed: 5 },
  );
});

test("an unknown character is named with its position and the alphabet", () => {
  expect(() => tokenizer.encode("3+X")).toThrow(DataError);
  expect(() => tokenizer.encode("3+X")).toThrow(/got `X` at position 3 of `3\+X`/);
  expect(() => tokenizer.encode("3+X")).toThrow(/0123456789\.\+-\*/);
  expect(() => tokenizer.encode("<sos>2<3")).toThrow(/got `<` at position 7/);
  expect(() => tokenizer.encode("3×4")).toThrow(/got `×` at position 2/);
  expect(() => tokenizer.encode("3\u{1f600}")).toThrow(/got `\u{1f600}` at position 2/u);
});

test("an id outside the vocabulary is an error", () => {
  expect(() => tokenizer.decode([1, 57])).toThrow(/got 57 at place 1/);
  expect(() => tokenizer.decode([-1])).toThrow(DataError);
});
