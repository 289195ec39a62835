import { describe, expect, test } from "vitest";
import { parseExpression } from "../parse-expression.ts";
import { type DigitOrder, orderDigits } from "./notation.ts";
import { writeScratchpad } from "./scratchpad.ts";

const work = (text: string, digitOrder: DigitOrder = "big"): string =>
  writeScratchpad(parseExpression(text), { digitOrder });

describe("worked steps", () => {
  test.each([
    // Sums and differences: facts, columns, carries that run on, borrows over a zero.
    ["3+4", "3+4=7"],
    ["47+38", "47+38, 7+8=15 carry 1, 4+3+1=8, =85"],
    ["123+8", "123+8, 3+8=11 carry 1, 2+1=3, =131"],
    ["999+1", "999+1, 9+1=10 carry 1, 9+1=10 carry 1, 9+1=10 carry 1, =1000"],
    ["52-38", "52-38, 12-8=4 borrow 1, 5-3-1=1, =14"],
    ["403-158", "403-158, 13-8=5 borrow 1, 10-5-1=4 borrow 1, 4-1-1=2, =245"],
    ["50+0", "50+0=50"],
    // Signs are rewritten to magnitudes, and every side stays true.
    ["3-5", "3-5=-(5-3)=-2"],
    ["-3-5", "-3-5=-(3+5)=-8"],
    ["-3+5", "-3+5=5-3=2"],
    ["-5+3", "-5+3=-(5-3)=-2"],
    ["3-(-5)", "3-(-5)=3+5=8"],
    ["3+(-5)", "3+(-5)=-(5-3)=-2"],
    ["-3-(-5)", "-3-(-5)=5-3=2"],
    ["-3-(-3)", "-3-(-3)=-(3-3)=0"],
    ["25-61", "25-61=-(61-25), 11-5=6 borrow 1, 6-2-1=3, =-36"],
    ["-47-38", "-47-38=-(47+38), 7+8=15 carry 1, 4+3+1=8, =-85"],
    // Products: facts, one chain, partial products.
    ["7*8", "7*8=56"],
    ["-7*8", "-7*8=-56"],
    ["47*8", "47*8=320+56=376"],
    ["8*47", "8*47=320+56=376"],
    ["-47*8", "-47*8=-(320+56)=-376"],
    ["789*6", "789*6=4200+480+54=4680+54=4734"],
    ["20*30", "20*30=600"],
    ["100*47", "100*47=4700"],
    ["47*0", "47*0=0"],
    ["47*38", "47*38, 47*8=320+56=376, 47*30=1200+210=1410, =376+1410, 6+0=6, 7+1=8, 3+4=7, =1786"],
    ["-12*(-13)", "-12*(-13), 12*3=30+6=36, 12*10=120, =36+120, 6+0=6, 3+2=5, =156"],
    ["-12*13", "-12*13, 12*3=30+6=36, 12*10=120, =-(36+120), 6+0=6, 3+2=5, =-156"],
    [
      "12*111",
      "12*111, 12*1=12, 12*10=120, 12*100=1200, =12+120+1200, 2+0=2, 1+2=3, =132+1200, 2+0=2, 3+0=3, 1+2=3, =1332",
    ],
    // Quotients: facts, long division, Euclid and reduction.
    ["6/3", "6/3=2"],
    ["6/4", "6/4, gcd(6,4)=2, =3/2"],
    ["-6/4", "-6/4, gcd(6,4)=2, =-3/2"],
    ["6/(-4)", "6/(-4), gcd(6,4)=2, =-3/2"],
    ["846/2", "846/2, 8=4*2, 4=2*2, 6=3*2, =423"],
    ["847/3", "847/3, 8=2*3+2, 24=8*3, 7=2*3+1, gcd(847,3)=1, =847/3"],
    ["84/36", "84/36, 84=2*36+12, 36=3*12, gcd(84,36)=12, 84/12=7, 36/12=3, =7/3"],
    ["36/84", "36/84, 84=2*36+12, 36=3*12, gcd(36,84)=12, 36/12=3, 84/12=7, =3/7"],
    ["612/6", "612/6, 6=1*6, 1=0*6+1, 12=2*6, =102"],
    ["0/5", "0/5=0"],
    // Remainders: floored, so the result has the divisor's sign.
    ["7%5", "7%5=2"],
    ["17%5", "17%5, 17=3*5+2, =2"],
    ["-7%5", "-7%5, 7%5=2, =5-2=3"],
    ["7%(-5)", "7%(-5), 7%5=2, =2-5=-(5-2)=-3"],
    ["-7%(-5)", "-7%(-5), 7%5=2, =-2"],
    ["-10%5", "-10%5, 10=2*5, =0"],
    ["-90%47", "-90%47, 90=1*47+43, =47-43, 7-3=4, 4-4=0, =4"],
    // Functions.
    ["prev(4)", "prev(4)=4-1=3"],
    ["prev(40)", "prev(40)=40-1, 10-1=9 borrow 1, 4-1=3, =39"],
    ["prev(-4)", "prev(-4)=-4-1=-(4+1)=-5"],
    ["next(-1)", "next(-1)=-1+1=-(1-1)=0"],
    ["next(9)", "next(9)=9+1=10"],
    ["max(3,-5)", "max(3,-5)=3"],
    ["min(3,-5)", "min(3,-5)=-5"],
    ["abs(-12)", "abs(-12)=12"],
    ["next(1/2)", "1/2, gcd(1,2)=1, =1/2, next(1/2)=1/2+1, 1*2=2, =(1+2)/2, 1+2=3, gcd(3,2)=1, =3/2"],
    // Nodes from the leaves to the root; a sign before brackets needs no step.
    ["-(3+4)", "3+4=7"],
    ["5", ""],
  ])("%s: %s", (text, steps) => {
    expect(work(text)).toBe(steps);
  });

  test("a result feeds the next operation", () => {
    expect(work("(3+4)*2-5")).toBe("3+4=7, 7*2=14, 14-5, 14-5=9 borrow 1, 1-1=0, =9");
    expect(work("2*-(3+4)")).toBe("3+4=7, 2*(-7)=-14");
  });

  test("fractions: common denominator, products, quotients, comparison", () => {
    expect(work("1/3+1/4")).toBe(
      "1/3, gcd(1,3)=1, =1/3, 1/4, gcd(1,4)=1, =1/4, " +
        "1/3+1/4, lcm(3,4)=12, 12/3=4, 12/4=3, 1*4=4, 1*3=3, =(4+3)/12, 4+3=7, " +
        "12=1*7+5, 7=1*5+2, 5=2*2+1, gcd(7,12)=1, =7/12",
    );
    expect(work("1/6-2/3").split(", 1/6-2/3, ")[1]).toBe(
      "lcm(6,3)=6, 6/3=2, 2*2=4, =(1-4)/6, 1-4=-(4-1)=-3, gcd(3,6)=3, =-1/2",
    );
    expect(work("1/12+1/18").split(", 1/12+1/18, ")[1]).toBe(
      "18=1*12+6, 12=2*6, gcd(12,18)=6, 18/6=3, lcm(12,18)=12*3=30+6=36, 36/12=3, 36/18=2, 1*3=3, 1*2=2, " +
        "=(3+2)/36, 3+2=5, 36=7*5+1, gcd(5,36)=1, =5/36",
    );
    expect(work("(2/3)*(-3/4)").split(", 2/3*(-3/4), ")[1]).toBe(
      "2*3=6, 3*4=12, 12=2*6, gcd(6,12)=6, 6/6=1, 12/6=2, =-1/2",
    );
    expect(work("1/3/(2/5)").split(", 1/3/(2/5), ")[1]).toBe("=1/3*(5/2), 3*2=6, gcd(5,6)=1, =5/6");
    expect(work("1/2%(1/3)").split(", 1/2%(1/3), ")[1]).toBe(
      "lcm(2,3)=6, 6/2=3, 6/3=2, 1*3=3, 1*2=2, =(3%2)/6, 3%2=1, gcd(1,6)=1, =1/6",
    );
    expect(work("max(1/3,1/4)").split(", max(1/3,1/4), ")[1]).toBe(
      "lcm(3,4)=12, 12/3=4, 12/4=3, 1*4=4, 1*3=3, =max(4,3)/12, =1/3",
    );
  });

  test("little writes every number of the steps least significant first", () => {
    expect(work("47+38", "little")).toBe("74+83, 7+8=51 carry 1, 4+3+1=8, =58");
    expect(work("47*38", "little")).toBe(
      "74*83, 74*8=023+65=673, 74*03=0021+012=0141, =673+0141, 6+0=6, 7+1=8, 3+4=7, =6871",
    );
    expect(orderDigits(orderDigits("10-120/7", "little"), "little")).toBe("10-120/7");
  });

  test("a node that is not shown leaves no text, and its value is still right above it", () => {
    const expression = parseExpression("(12+35)*2");
    expect(writeScratchpad(expression, { digitOrder: "big", show: () => false })).toBe("");
    const rootOnly = writeScratchpad(expression, { digitOrder: "big", show: (node) => node === expression });
    expect(rootOnly).toBe("47*2=80+14=94");
  });
});
