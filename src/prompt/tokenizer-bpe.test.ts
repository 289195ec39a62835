import { describe, expect, it } from "vitest";
import { BytePairModel } from "./tokenizer-bpe.ts";
import { TokenizerField } from "./tokenizer-field.ts";
import { TokenizerPipeline } from "./tokenizer-pipeline.ts";

const vocab = { "<unk>": 0, a: 1, b: 2, c: 3, ab: 4, bc: 5, abc: 6, aa: 7, "<0xC3>": 8, "<0xA9>": 9 };
const model = (more: Record<string, unknown>): BytePairModel =>
  new BytePairModel(new TokenizerField("t.json", "model", { vocab, ...more }));

describe("byte-pair encoding", () => {
  it("joins the pair whose merge stands first, leftmost of equals", () => {
    // b·c is first in the list, so abc is a·bc, which has no merge.
    expect(model({ merges: ["b c", "a b", "ab c"] }).encode("abc")).toEqual([1, 5]);
    expect(model({ merges: ["a b", "b c", "ab c"] }).encode("abc")).toEqual([6]);
    expect(model({ merges: ["a a"] }).encode("aaaaa")).toEqual([7, 7, 1]);
  });

  it("joins long pieces as short ones", () => {
    const { encode } = { encode: (text: string) => model({ merges: ["b c", "a a", "a b", "ab c"] }).encode(text) };
    // 99 symbols: aab | c — b·c first leaves aa·bc, three symbols a time, 33 times.
    expect(encode("aabc".repeat(33))).toEqual(Array(33).fill([7, 5]).flat());
    expect(encode("a".repeat(101))).toEqual([...Array(50).fill(7), 1]);
  });

  it("writes what it does not know as bytes, as one unknown or as several, or not at all", () => {
    const merges: string[] = [];
    expect(model({ merges, byte_fallback: true }).encode("aé")).toEqual([1, 8, 9]);
    expect(model({ merges, byte_fallback: true, unk_token: "<unk>" }).encode("üé")).toEqual([0, 8, 9]);
    expect(model({ merges, unk_token: "<unk>" }).encode("axyb")).toEqual([1, 0, 0, 2]);
    expect(model({ merges, unk_token: "<unk>", fuse_unk: true }).encode("axyb")).toEqual([1, 0, 2]);
    expect(model({ merges }).encode("axyb")).toEqual([1, 2]);
  });

  it("takes a piece that is a token as it is when merges are ignored", () => {
    expect(model({ merges: ["b c"], ignore_merges: true }).encode("abc")).toEqual([6]);
    expect(model({ merges: ["b c"], ignore_merges: true }).encode("abca")).toEqual([1, 5, 1]);
  });
});

describe("text marked for SentencePiece", () => {
  const pipeline = (merges: string[], vocabulary: Record<string, number>): TokenizerPipeline =>
    new TokenizerPipeline(
      {
        normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
        model: { type: "BPE", vocab: vocabulary, merges },
      },
      "t.json",
    );

  it("is one piece where a merge crosses the start of a word", () => {
    const vocabulary = { a: 0, b: 1, "▁": 2, "a▁": 3, "a▁b": 4 };
    const crossing = pipeline(["a ▁", "a▁ b"], vocabulary);
    expect(crossing.encode("a b", { accepts: () => true })).toEqual([4]);
    expect(pipeline([], vocabulary).encode("a b", { accepts: () => true })).toEqual([0, 2, 1]);
  });
});
