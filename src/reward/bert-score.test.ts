import { describe, expect, it } from "vitest";
import { ShapeError } from "../base/errors.ts";
import { bertScore, type EmbeddedText, inverseDocumentFrequency, rescaleScore, toUnitRows } from "./bert-score.ts";

const text = (rows: readonly (readonly number[])[], weights: readonly number[] = rows.map(() => 1)): EmbeddedText => ({
  vectors: Float32Array.from(rows.flat()),
  weights: Float64Array.from(weights),
});

// Unit rows in the plane whose cosines are 1, 0, 0.6, 0.8, 0.96 or their negatives.
const east = [1, 0];
const north = [0, 1];
const steep = [0.6, 0.8];
const flat = [0.8, 0.6];

describe("bertScore", () => {
  it("takes each token's best match, over both texts", () => {
    // Cosines of east, steep with north, flat, east: (0, 0.8, 1), (0.8, 0.96, 0.6).
    const { precision, recall, f1 } = bertScore(text([east, steep]), text([north, flat, east]));
    expect(precision).toBeCloseTo((1 + 0.96) / 2, 6);
    expect(recall).toBeCloseTo((0.8 + 0.96 + 1) / 3, 6);
    expect(f1).toBeCloseTo((2 * 0.98 * 0.92) / 1.9, 6);
  });

  it("is 1 for a text and itself, in any order", () => {
    const rows = [east, north, steep];
    expect(bertScore(text(rows), text(rows.toReversed())).f1).toBeCloseTo(1, 6);
  });

  it("weighs tokens in the mean; those of weight 0 can still be matched", () => {
    const { precision, recall } = bertScore(text([east, steep], [3, 1]), text([north, flat, east], [0, 2, 0]));
    expect(precision).toBeCloseTo((3 * 1 + 0.96) / 4, 6);
    expect(recall).toBeCloseTo(0.96, 6);
  });

  it("counts a best match below 0 as it is", () => {
    const { precision, f1 } = bertScore(text([east]), text([[-0.8, 0.6]]));
    expect(precision).toBeCloseTo(-0.8, 6);
    expect(f1).toBeCloseTo(-0.8, 6);
  });

  it("is 0 where nothing weighs anything or precision and recall cancel", () => {
    const nothing = { precision: 0, recall: 0, f1: 0 };
    expect(bertScore(text([east, north], [0, 0]), text([east]))).toEqual(nothing);
    expect(bertScore(text([east]), text([]))).toEqual(nothing);
    expect(bertScore(text([east]), text([north]))).toEqual(nothing);
  });

  it("refuses texts of two encoders", () => {
    expect(() => bertScore(text([east]), text([[1, 0, 0]]))).toThrow(ShapeError);
    expect(() => bertScore({ ...text([east]), weights: Float64Array.of(1, 1, 1) }, text([east]))).toThrow(ShapeError);
  });
});

describe("toUnitRows", () => {
  it("divides each row by its length and leaves zeros", () => {
    const rows = toUnitRows(Float32Array.of(3, 4, 0, 0, 0, -2), 2);
    expect([...rows]).toEqual([0.6, 0.8, 0, 0, 0, -1].map(Math.fround));
  });
});

describe("inverseDocumentFrequency", () => {
  it("counts documents, not occurrences, with plus-one smoothing", () => {
    const idf = inverseDocumentFrequency([
      [101, 7, 7, 102],
      [101, 8, 102],
      [101, 7, 9, 102],
    ]);
    expect(idf(101)).toBe(0);
    expect(idf(7)).toBeCloseTo(Math.log(4 / 3), 12);
    expect(idf(9)).toBeCloseTo(Math.log(4 / 2), 12);
    expect(idf(5000)).toBeCloseTo(Math.log(4), 12);
  });
});

describe("rescaleScore", () => {
  it("puts the baseline at 0 and leaves 1 where it is", () => {
    const baseline = { precision: 0.8, recall: 0.6, f1: 0.75 };
    const { precision, recall, f1 } = rescaleScore({ precision: 0.9, recall: 1, f1: 0.7 }, baseline);
    expect(precision).toBeCloseTo(0.5, 12);
    expect(recall).toBe(1);
    expect(f1).toBeCloseTo(-0.2, 12);
  });
});
