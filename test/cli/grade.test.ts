import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runHere } from "./run-here.ts";

const directory = mkdtempSync(join(tmpdir(), "reckon-grade-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, ...rows: unknown[]): string {
  const path = join(directory, name);
  writeFileSync(path, rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n"));
  return path;
}

const linesOf = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

const good = file(
  "good.jsonl",
  { id: 7, gold: "1/2", response: "so \\boxed{\\frac{1}{2}}" },
  { gold: "18", response: "#### 17" },
  { gold: "5050", answer: "\\sum_{k=1}^{100} k" },
);

test("rows come back one a line, graded by meaning, with what was said of them", async () => {
  const { stdout, stderr, code } = await runHere(["grade", good]);
  const rows = linesOf(stdout);
  expect(rows[0]).toMatchObject({ id: 7, verdict: true, extracted: "\\frac{1}{2}", rule: "boxed" });
  expect(rows[1]).toEqual({
    gold: "18",
    response: "#### 17",
    verdict: false,
    extracted: "17",
    rule: "hash",
    tier: "number",
    parts: { correct: 0, format: 1, "gsm8k-strict": 0, "gsm8k-flexible": 0 },
  });
  expect(rows[2]).toMatchObject({ verdict: true, rule: "given", parts: { correct: 1, format: null } });
  expect(rows).toHaveLength(3);
  expect(stderr).toMatch(/symbolic: 66\.7 % right/);
  expect(code).toBe(0);
});

test("--json says all in one object; --out writes the rows", async () => {
  const out = join(directory, "graded.jsonl");
  const { stdout } = await runHere(["grade", good, "--rule", "number", "--out", out, "--json"]);
  const summary = JSON.parse(stdout);
  expect(summary).toMatchObject({ rule: "number", format: null, n: 3, correct: 0, wrong: 3, ungraded: 0, accuracy: 0 });
  expect(summary.rows).toEqual(linesOf(readFileSync(out, "utf8")));
});

test("gold answers that a rule cannot read are listed, the rest is graded, and the exit code says so", async () => {
  const mixed = file("mixed.jsonl", { gold: "7", response: "#### 7" }, { gold: "seven", response: "#### 7" });
  const { stdout, stderr, code } = await runHere(["grade", mixed, "--rule", "gsm8k-strict", "--json"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/error: .*mixed\.jsonl: expected a number as gold.*\n {2}mixed\.jsonl, line 2: `seven`/);
  const { rows, unreadable, correct, ungraded } = JSON.parse(stdout);
  expect({ unreadable, correct, ungraded }).toEqual({ unreadable: ["mixed.jsonl, line 2"], correct: 1, ungraded: 1 });
  expect(rows[1]).toMatchObject({ verdict: null, reason: expect.stringMatching(/gold/), parts: { correct: null } });
});

test.each([
  [['{"gold":"1","response":"1"}', '{"gold":'], /broken\.jsonl, line 2: broken JSON/],
  [
    [
      { gold: "1", response: "1" },
      { gold: "", answer: "1" },
    ],
    /broken\.jsonl, line 2: gold is empty/,
  ],
  [[{ response: "1" }], /expected the columns gold, response; missing: gold/],
])("%j is refused by file and line", async (rows, message) => {
  const { stdout, stderr, code } = await runHere(["grade", file("broken.jsonl", ...rows), "--json"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
  expect(JSON.parse(stdout).error).toMatchObject({ name: "DataError", message: expect.stringMatching(message) });
});

test("a rule that is none is a wrong command line", async () => {
  expect((await runHere(["grade", good, "--rule", "gsm8k"])).code).toBe(2);
});
