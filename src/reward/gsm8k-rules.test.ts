import { expect, test } from "vitest";
import golden from "../../test/goldens/gsm8k-rules.json" with { type: "json" };
import { extractGsm8k, isGsm8kGold, normalizeGsm8k } from "./gsm8k-rules.ts";
import { gsm8kParts } from "./rules.ts";

test.each(golden.cases)(
  "$response for $gold, as Python says by the harness's patterns",
  ({ response, gold, strict, flexible }) => {
    expect(extractGsm8k(response, "gsm8k-strict") ?? "[invalid]").toBe(strict[0]);
    expect(extractGsm8k(response, "gsm8k-flexible") ?? "[invalid]").toBe(flexible[0]);
    expect(gsm8kParts(response, gold)).toEqual({ "gsm8k-strict": strict[1], "gsm8k-flexible": flexible[1] });
  },
);

test.each([
  ["18", true],
  ["-1,080.5", true],
  ["$18.", true],
  ["a long solution\n#### 18", true],
  [".5", true],
  ["eighteen", false],
  ["1/2", false],
  ["18 apples", false],
  ["-", false],
  ["", false],
])("%j can be found by these rules: %s", (gold, readable) => {
  expect(isGsm8kGold(gold)).toBe(readable);
});

test("a gold answer that is no number is null by both rules", () => {
  expect(gsm8kParts("#### 2", "\\frac{1}{2}")).toEqual({ "gsm8k-strict": null, "gsm8k-flexible": null });
});

test("long hostile texts take bounded work", () => {
  const before = process.cpuUsage();
  for (const text of ["#### ".repeat(20_000), "9".repeat(100_000), "{".repeat(100_000), "-$".repeat(50_000)]) {
    extractGsm8k(text, "gsm8k-strict");
    extractGsm8k(text, "gsm8k-flexible");
    normalizeGsm8k(text);
  }
  // Some hundredths of a second of processor time; a rule that reads on from every mark takes minutes in all.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(30);
});
