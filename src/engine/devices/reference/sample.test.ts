import { expect, it } from "vitest";
import { sample } from "./sample.ts";

const uniforms = Float64Array.of(0, 0.15, 0.35, 0.55, 0.75, 0.95);

/** One draw per uniform from probabilities 0.1, 0.4, 0.2, 0.3. */
function draws(numbers: { inverseTemperature?: number; topK?: number; topP?: number; minP?: number }): number[] {
  const tokens = new Int32Array(uniforms.length);
  const row = [0.1, 0.4, 0.2, 0.3].map(Math.log);
  sample({
    logits: Float64Array.from({ length: uniforms.length * 4 }, (_, i) => row[i % 4]),
    uniforms,
    tokens,
    ...{ rows: uniforms.length, vocabulary: 4, inverseTemperature: 1, topK: 0, topP: 1, minP: 0 },
    ...numbers,
  });
  return [...tokens];
}

it("draws by inverse transform over ascending ids", () => {
  expect(draws({})).toEqual([0, 1, 1, 2, 3, 3]);
});

it("keeps the topK most likely; 0 keeps all", () => {
  expect(draws({ topK: 2 })).toEqual([1, 1, 1, 1, 3, 3]);
  expect(draws({ topK: 9 })).toEqual(draws({ topK: 0 }));
});

it("keeps the smallest set that reaches topP, of what topK left", () => {
  expect(draws({ topP: 0.6 })).toEqual([1, 1, 1, 1, 3, 3]);
  // Of 0.4 and 0.3 the first alone has 0.57.
  expect(draws({ topK: 2, topP: 0.5 })).toEqual([1, 1, 1, 1, 1, 1]);
});

it("keeps tokens at least minP times as likely as the likeliest", () => {
  expect(draws({ minP: 0.4 })).toEqual([1, 1, 1, 2, 3, 3]);
  expect(draws({ minP: 0.6 })).toEqual([1, 1, 1, 1, 3, 3]);
  expect(draws({ minP: 1 })).toEqual([1, 1, 1, 1, 1, 1]);
  expect(draws({ topK: 2, minP: 0.1 })).toEqual(draws({ topK: 2 }));
});

it("is greedy at inverse temperature 0", () => {
  expect(draws({ inverseTemperature: 0 })).toEqual([1, 1, 1, 1, 1, 1]);
});

it("sharpens at low temperature", () => {
  // Squares 0.01, 0.16, 0.04, 0.09 of 0.3: cumulative 0.033, 0.567, 0.7, 1.
  expect(draws({ inverseTemperature: 2 })).toEqual([0, 1, 1, 1, 3, 3]);
});
