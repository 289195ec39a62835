import { describe, expect, test } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { type Split, splitOf } from "./splits.ts";

const texts = Array.from({ length: 40_000 }, (_, i) => `${i % 200}+${Math.floor(i / 200)}`);

describe("splitOf", () => {
  test("hits the shares", () => {
    const counts: Record<Split, number> = { supervised: 0, reinforcement: 0, validation: 0, test: 0 };
    for (const text of texts) counts[splitOf(text, { validation: 0.05, test: 0.2, supervised: 0.4 })]++;
    // Four standard deviations of a share at n = 40,000 are below 0.01.
    expect(Math.abs(counts.validation / texts.length - 0.05)).toBeLessThan(0.01);
    expect(Math.abs(counts.test / texts.length - 0.2)).toBeLessThan(0.01);
    expect(Math.abs(counts.supervised / texts.length - 0.3)).toBeLessThan(0.01);
    expect(Math.abs(counts.reinforcement / texts.length - 0.45)).toBeLessThan(0.01);
  });

  test("never moves an expression: the test split must stay what it was across versions", () => {
    expect(["3+4", "12*34", "1/3-2", "max(1,2)", "47+38", "9-8"].map((text) => splitOf(text))).toMatchInlineSnapshot(`
      [
        "reinforcement",
        "test",
        "test",
        "reinforcement",
        "validation",
        "supervised",
      ]
    `);
  });

  test("refuses shares that leave nothing", () => {
    expect(() => splitOf("1+1", { validation: 0.6, test: 0.5, supervised: 0.5 })).toThrow(ConfigError);
    expect(() => splitOf("1+1", { validation: -0.1, test: 0.5, supervised: 0.5 })).toThrow(/validation -0.1/);
    expect(() => splitOf("1+1", { validation: 0.1, test: Number.NaN, supervised: 0.5 })).toThrow(ConfigError);
  });
});
