import { describe, expect, it } from "vitest";
import type { TextEmbedder } from "./text-embedder.ts";
import { TextSimilarity } from "./text-similarity.ts";

/** Tokens are letters between two marks; each has a direction of its own, whatever its neighbours; marks are unlike all letters. */
function letterEmbedder(): TextEmbedder & { asked: string[][] } {
  const angles: Record<string, number> = { a: 0, b: Math.PI / 2, c: Math.PI / 3, "^": -2, $: 4 };
  const asked: string[][] = [];
  return {
    asked,
    framing: new Set(["^", "$"].map((mark) => mark.charCodeAt(0))),
    tokenize: (text) => Array.from(`^${text}$`, (letter) => letter.charCodeAt(0)),
    async hiddenRows(texts) {
      asked.push(texts.map((ids) => String.fromCharCode(...ids.slice(1, -1))));
      // Rows of length 2, which are to be made 1.
      return texts.map((ids) =>
        Float32Array.from(
          ids.flatMap((id) => {
            const angle = angles[String.fromCharCode(id)];
            return [2 * Math.cos(angle), 2 * Math.sin(angle)];
          }),
        ),
      );
    },
    close() {},
  };
}

const pair = (candidate: string, reference: string) => ({ candidate, reference });

describe("TextSimilarity", () => {
  it("scores pairs in order, the framing left out of the mean", async () => {
    const scores = await new TextSimilarity(letterEmbedder()).score([pair("a", "a"), pair("ac", "a"), pair("", "a")]);
    expect(scores[0].f1).toBeCloseTo(1, 6);
    // c is 60° from a; a is found whole.
    expect(scores[1].precision).toBeCloseTo(0.75, 6);
    expect(scores[1].recall).toBeCloseTo(1, 6);
    expect(scores[2].f1).toBe(0);
  });

  it("weighs tokens by how few references have them", async () => {
    const idfOver = ["a", "ab", "ac"];
    const [{ precision }] = await new TextSimilarity(letterEmbedder(), { idfOver }).score([pair("bc", "c")]);
    // b and c are in one of three texts each, and 30° apart; a, in all of them, would weigh nothing.
    expect(precision).toBeCloseTo((Math.cos(Math.PI / 6) + 1) / 2, 6);
    const [{ f1 }] = await new TextSimilarity(letterEmbedder(), { idfOver }).score([pair("a", "a")]);
    expect(f1).toBe(0);
  });

  it("embeds each text once a call, references once for good", async () => {
    const embedder = letterEmbedder();
    const similarity = new TextSimilarity(embedder);
    await similarity.score([pair("b", "ac"), pair("c", "ac"), pair("b", "ac")]);
    await similarity.score([pair("b", "ac"), pair("ac", "cc")]);
    expect(embedder.asked).toEqual([
      ["b", "ac", "c"],
      ["b", "cc"],
    ]);
  });

  it("forgets the references used longest ago when there is no room", async () => {
    const embedder = letterEmbedder();
    // A letter and two marks take 3 · (2 · 4 + 8) bytes.
    const similarity = new TextSimilarity(embedder, { cacheBytes: 100 });
    for (const reference of ["a", "b", "a", "c", "a", "b"]) await similarity.score([pair("", reference)]);
    expect(embedder.asked.flat().filter((text) => text !== "")).toEqual(["a", "b", "c", "b"]);
  });

  it("takes calls in turn, and many pairs in parts", async () => {
    const embedder = letterEmbedder();
    const similarity = new TextSimilarity(embedder);
    const many = Array.from({ length: 40 }, (_, i) => pair("a".repeat(i + 1), i % 2 ? "a" : "b"));
    const [scores, again] = await Promise.all([similarity.score(many), similarity.score(many.toReversed())]);
    expect(scores.map(({ f1 }) => Math.round(f1))).toEqual(many.map((_, i) => i % 2));
    expect(again).toEqual(scores.toReversed());
    expect(Math.max(...embedder.asked.map(({ length }) => length))).toBeLessThanOrEqual(18);
  });
});
