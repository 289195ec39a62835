import { describe, expect, it } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { TokenizerField } from "./tokenizer-field.ts";
import { readPattern, regexOf, type SplitBehavior, splitBy } from "./tokenizer-pattern.ts";

describe("splitBy", () => {
  const dashes = (behavior: SplitBehavior, invert = false): string[] =>
    splitBy("the-final--countdown", /-/gu, { behavior, invert });

  it("does with matches what huggingface/tokenizers documents", () => {
    expect(dashes("Removed")).toEqual(["the", "final", "countdown"]);
    expect(dashes("Isolated")).toEqual(["the", "-", "final", "-", "-", "countdown"]);
    expect(dashes("MergedWithPrevious")).toEqual(["the-", "final-", "-", "countdown"]);
    expect(dashes("MergedWithNext")).toEqual(["the", "-final", "-", "-countdown"]);
    expect(dashes("Contiguous")).toEqual(["the", "-", "final", "--", "countdown"]);
  });

  it("takes what lies between for the match when inverted", () => {
    expect(dashes("Removed", true)).toEqual(["-", "-", "-"]);
    expect(dashes("MergedWithNext", true)).toEqual(["the-", "final-", "-", "countdown"]);
  });

  it("gives no empty piece", () => {
    expect(splitBy("", /-/gu, { behavior: "Isolated", invert: false })).toEqual([]);
    expect(splitBy("ab", /x*/gu, { behavior: "Isolated", invert: false })).toEqual(["a", "b"]);
    expect(splitBy("--", /-/gu, { behavior: "Removed", invert: false })).toEqual([]);
  });
});

describe("a pattern", () => {
  const field = (value: unknown): TokenizerField => new TokenizerField("t.json", "pattern", value);

  it("is text as it stands, or an expression of Oniguruma", () => {
    expect("a.b+c".replace(readPattern(field({ String: ".b+" })), "-")).toBe("a-c");
    // U+0085 is whitespace there and U+FEFF is not; JavaScript has it the other way round.
    expect("a\u0085\ufeffb".match(regexOf("\\s"))).toEqual(["\u0085"]);
    expect("I'LL".match(regexOf("(?i:'ll)"))).toEqual(["'LL"]);
  });

  it("is refused when it is neither", () => {
    expect(() => readPattern(field({ Regex: "[" }))).toThrow(CheckpointError);
    expect(() => readPattern(field({}))).toThrow(/t\.json: `pattern\.Regex`: expected a string, got nothing/);
    expect(() => readPattern(field("x"))).toThrow(/`pattern`: expected an object, got `"x"`/);
  });
});
