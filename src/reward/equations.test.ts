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
    expect(countEquations(text, "")).toMatchObject({ total, correct });
  });

  const question = "Tom has 1,200 apples in 3 boxes and 3 bags; he pays $2.50.";
  it.each([
    ["1200 - 3 = 1197", 1],
    ["1200 - 3 = 1,197 and 1197 * 2.5 = 2992.5", 2],
    ["3 + 3 = 6", 1],
    // A number is used more often than it was given; it was not given; the equation is false.
    ["3 + 3 + 3 = 9", 0],
    ["1 + 1 = 2", 0],
    ["1200 + 3 = 5", 0],
    ["1200 + 3 = 5, 5 - 3 = 2", 1],
  ])("%s is of the question's numbers", (text, grounded) => {
    expect(countEquations(text, question).grounded).toBe(grounded);
  });

  it("comes to an end on hostile texts", () => {
    const texts = [
      "9*".repeat(50_000),
      "(".repeat(100_000),
      `${"1+".repeat(40)}1=2 `.repeat(1000),
      "=".repeat(100_000),
    ];
    expect(texts.map((text) => countEquations(text, "3").correct)).toEqual([0, 0, 0, 0]);
  });
});
