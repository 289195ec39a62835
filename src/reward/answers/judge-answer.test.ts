import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isGradable, judgeAnswer, judgeCheaply } from "./judge-answer.ts";

interface Case {
  gold: string;
  answer: string;
  equal: boolean | null;
  kind: string;
  part: "by-hand" | "development" | "held-out";
}

const CORPUS = new URL("../../../test/goldens/answers.jsonl", import.meta.url);
const cases = readFileSync(CORPUS, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);

describe("on the corpus of test/goldens/answers.jsonl", () => {
  test.each(["by-hand", "development", "held-out"])("agrees with the verdicts of the part %s", async (part) => {
    const wrong: string[] = [];
    let falsePositives = 0;
    const own = cases.filter((row) => row.part === part);
    for (const { gold, answer, equal } of own) {
      const verdict = await judgeAnswer(answer, gold);
      if (verdict.equal === equal) continue;
      wrong.push(`${gold} | ${answer} | ${verdict.equal}`);
      if (verdict.equal === true) falsePositives++;
    }
    expect(own.length).toBeGreaterThan(400);
    expect(1 - wrong.length / own.length, wrong.join("\n")).toBeGreaterThanOrEqual(0.985);
    expect(falsePositives / own.length, wrong.join("\n")).toBeLessThanOrEqual(0.004);
  });

  test("has all kinds, and few verdicts need the computer-algebra library", () => {
    expect(new Set(cases.map(({ kind }) => kind)).size).toBeGreaterThan(15);
    const open = cases.filter(({ gold, answer }) => judgeCheaply(answer, gold) === null);
    expect(open.length).toBeLessThan(cases.length / 50);
  });

  test("says the same with the sides exchanged, where both can be gold", () => {
    // A choice may come with its text, a number with a unit of one letter (`5 m`): in a gold answer both say something else.
    const wrong = cases.filter(({ gold, answer, kind }) => {
      if (kind === "choice" || /\d m$/.test(answer) || !isGradable(gold) || !isGradable(answer)) return false;
      return judgeCheaply(answer, gold)?.equal !== judgeCheaply(gold, answer)?.equal;
    });
    expect(wrong).toEqual([]);
  });

  test("finds every gold answer that it can grade equal to itself, however it is typeset", () => {
    const wrong = cases.filter(({ gold }) => {
      if (!isGradable(gold)) return false;
      const typeset = gold.includes("$") || gold.includes("boxed") ? gold : `\\[ \\boxed{${gold}} \\]`;
      return judgeCheaply(gold, gold)?.tier !== "text" || judgeCheaply(typeset, gold)?.equal !== true;
    });
    expect(wrong).toEqual([]);
  });
});

test.each([
  ["[0,1)", "(0,1]"],
  ["2^{n+1}", "2^n+1"],
  ["1200", "(1,200)"],
  ["(1,200)", "1,200"],
  ["\\sqrt{a+b}", "\\sqrt{a}+\\sqrt{b}"],
  ["10^{30}+1", "10^{30}"],
  ["\\sqrt{2}", "1.4142135623730951"],
  ["\\frac13", "0.3333333333333333"],
  ["3", "3, 4"],
  ["3", "x = 3 \\text{ or } x = 4"],
  ["1 \\pm \\sqrt2", "1 + \\sqrt2"],
  ["x > 2", "y > 2"],
])("%s is not %s", (gold, answer) => {
  expect(judgeCheaply(answer, gold)?.equal).toBe(false);
  expect(judgeCheaply(gold, answer)?.equal).toBe(false);
});

test.each([
  ["18", "18", "text"],
  ["\\dfrac{1}{2}", "\\frac{1}{2}", "text"],
  ["1,080", "$1080$", "number"],
  ["\\frac{1}{2}", "0.5", "latex"],
  ["x > 2", "(2, \\infty)", "latex"],
  ["55", "\\sum_{k=1}^{10} k", "symbolic"],
  ["\\frac{n(n+1)}{2}", "\\sum_{k=1}^n k", "symbolic"],
])("%s is %s by the tier %s", async (gold, answer, tier) => {
  expect(await judgeAnswer(answer, gold)).toEqual({ equal: true, tier });
});

test.each(["", " ", "x^", "\\frac{1}{", "((", "1,,2", "9".repeat(2001)])(
  "the gold answer `%s` cannot be graded",
  (gold) => {
    expect(isGradable(gold)).toBe(false);
    expect(judgeCheaply("5", gold)?.equal).toBeNull();
  },
);

test("an answer that cannot be read is wrong, not ungradable", () => {
  for (const answer of ["", "((", "\\frac{1}{", "9".repeat(100_000), "{".repeat(100_000)]) {
    expect(judgeCheaply(answer, "5")).toMatchObject({ equal: false });
  }
});

const PIECES = [
  ..."0123456789+-*/^_!=<>()[]{}|,.;:%$xyzABi \\",
  "\\frac",
  "\\sqrt",
  "\\text{",
  "\\pm",
  "\\infty",
  "\\cup",
  "\\in",
  "\\pi",
  "\\sin",
  "\\left(",
  "\\{",
  "\\}",
  "\\\\",
  "\\begin{pmatrix}",
  "\\end{pmatrix}",
  "\\le",
  "^{",
  "9^{9^{9}}",
  " and ",
  "½",
  "°",
  "é",
];

test("random texts are judged without an exception, and are themselves", () => {
  const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(text, text, (a, b) => {
      judgeCheaply(a, b);
      judgeCheaply(a, "\\frac{x+1}{2}");
      if (isGradable(a)) expect(judgeCheaply(` ${a} `, a)?.equal).toBe(true);
    }),
    { seed: 5, numRuns: 400 },
  );
});

test("a whole number is equal to every way to write it and to no other", () => {
  const number = fc.integer({ min: -1_000_000, max: 1_000_000 });
  fc.assert(
    fc.property(number, number, (n, other) => {
      const ways = [
        `${n}.0`,
        `\\frac{${2 * n}}{2}`,
        `x = ${n}`,
        n.toLocaleString("en-US"),
        `\\boxed{${n}}`,
        `${n} apples`,
      ];
      for (const way of ways) expect([way, judgeCheaply(way, `${n}`)?.equal]).toEqual([way, true]);
      expect(judgeCheaply(`${other}`, `${n}`)?.equal).toBe(other === n);
    }),
    { seed: 5, numRuns: 40 },
  );
});

test("hostile texts take bounded work", () => {
  const sums = `(${Array.from({ length: 60 }, (_, nth) => `x_{${nth}}`).join("+")})^{8}`;
  const hostile = [
    "9^{9^{9^9}}",
    "(((x+y+z+1)^{30})^{30})^{30}",
    "((x+y+z+w+1)^{20}+(a+b+c+d+1)^{20})^{10}",
    "\\sqrt{999999999989}".repeat(30),
    "\\pm 1".repeat(100),
    "1,".repeat(500),
    "\\frac{".repeat(300),
    "(".repeat(900),
    "x^".repeat(450),
    "3000!!!!",
    "$".repeat(1900),
    sums,
  ];
  const before = process.cpuUsage();
  for (const text of hostile) {
    for (const other of ["5", "\\{1,2\\}", `${text}+0`]) judgeCheaply(text, other);
  }
  // 36 judgements, some 2 s in all; unbounded, the second text alone would take minutes.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(60);
});
