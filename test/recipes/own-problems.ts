import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Problems of our own: question, worked solution with a calculator's notes, answer. The last two are for measuring. */
const problems = [
  ["Ada has 3 pens and buys 4 more. How many pens has she?", "She has 3+4 = <<3+4=7>>7 pens.", "7"],
  ["A box holds 6 eggs. How many eggs are in 5 boxes?", "5 boxes hold 5*6 = <<5*6=30>>30 eggs.", "30"],
  ["Ben had 20 coins and lost 8. How many are left?", "There are 20-8 = <<20-8=12>>12 coins left.", "12"],
  [
    "Four friends share 24 plums, and each eats 2. How many plums has each then?",
    "Each gets 24/4 = <<24/4=6>>6.\nThen each has 6-2 = <<6-2=4>>4.",
    "4",
  ],
  ["A shelf is 90 cm long. How many books of 3 cm fit?", "There is room for 90/3 = <<90/3=30>>30 books.", "30"],
  ["Mia runs 2 km a day. How far does she run in a week?", "In a week she runs 7*2 = <<7*2=14>>14 km.", "14"],
];

/** The same kind with answers in LaTeX, as MATH has them. */
const expressions = [
  ["Simplify $\\frac{6}{8}$.", "Both are even: $\\frac{6}{8} = \\boxed{\\frac{3}{4}}$.", "\\frac{3}{4}"],
  ["Solve $x + 2 = 9$.", "Subtract 2 on both sides: $x = \\boxed{7}$.", "7"],
  ["What is $\\sqrt{12}$ in simplest form?", "$\\sqrt{4 \\cdot 3} = \\boxed{2\\sqrt{3}}$.", "2\\sqrt{3}"],
  ["Expand $(a+1)(a-1)$.", "The middle terms cancel: $\\boxed{a^2-1}$.", "a^2-1"],
  ["Which $y \\ge 0$ have $y^2 < 4$?", "The root grows with its square: $\\boxed{[0,2)}$.", "[0,2)"],
  ["What is $3!$?", "$3 \\cdot 2 \\cdot 1 = \\boxed{6}$.", "6"],
];

/** Writes a data set of four problems to train on and two to be measured on, in GSM8K's form or in that of MATH. */
export function writeOwnProblems(dir: string, layout: "gsm8k" | "math"): void {
  const rows: object[] =
    layout === "gsm8k"
      ? problems.map(([question, solution, answer]) => ({ question, answer: `${solution}\n#### ${answer}` }))
      : expressions.map(([problem, solution, answer]) => ({ problem, solution, answer, subject: "Algebra", level: 1 }));
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
  mkdirSync(dir);
  writeFileSync(join(dir, "train.jsonl"), lines.slice(0, 4).join(""));
  writeFileSync(join(dir, "test.jsonl"), lines.slice(4).join(""));
}
