import { describe, expect, it } from "vitest";
import { countEquations } from "./equations.ts";

describe("countEquations", () => {
  it.each([
    ["8 - 3 = 5\n#### 5", 1, 1],
    ["34 - 62 = 12\n#### 12", 1, 0],
    ["34 - 62 = -28", 1, 1],
    ["(4 - 2) + 3 = 5, then 5 * 2 = 11", 2, 1],
    ["He pays 48/2 = <<48/2=24>>24 dollars, in all $24 + $1,000.50 = $1,024.50", 2, 2],
    ["2 × 3 = 6 and 7 ÷ 2 = 3.5 and 3 − 1 = 2", 3, 3],
    ["60 x 60/100 = 36 students, and 80 x (3/4) = 60", 2, 2],
    // Parts of something longer.
    ["15 inches * 2/3 = 10; 5% * 100 = 5; 1/3 * 1/2 = 1/6; (6/2)-1= 3-1 = 2; 17/3 = 5 and 2/3; 3/4 * 2 = 1 1/2", 1, 1],
    // Rounded to the digits that are written, and only where there are some.
    ["10 / 3 = 3.33; 10 / 3 = 3.34; 10 / 3 = 3", 3, 1],
    ["5 = 5; x = 4; 7 / 0 = 1; = 3; 2 + = 4", 0, 0],
    ["", 0, 0],
  ])("%s", (text, total, correct) => {
    expect(countEquations(text)).toEqual({ total, correct });
  });

  it("reads a hostile text quickly", () => {
    const began = performance.now();
    for (const text of ["9*".repeat(50_000), "(".repeat(100_000), `${"1+".repeat(40)}1=2 `.repeat(1000)])
      countEquations(text);
    // Generous: what is guarded against takes minutes.
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
