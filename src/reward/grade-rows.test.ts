import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import { wilsonInterval } from "../base/statistics.ts";
import { compareAnswers } from "./answer-equivalence.ts";
import { type GradedRow, gradeRows, summarizeGrading } from "./grade-rows.ts";
import { readGradingRows } from "./read-grading-rows.ts";

const directory = mkdtempSync(join(tmpdir(), "reckon-grade-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(...rows: unknown[]): string {
  const path = join(directory, "rows.jsonl");
  writeFileSync(path, rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n"));
  return path;
}

test("rows come with what is to be graded, and the answer within a gold solution", async () => {
  const rows = await readGradingRows(
    file(
      { gold: "18", response: "", id: 7 },
      "",
      { gold: 1.5, answer: 2 },
      { gold: "12 + 6 = 18\n#### 18", answer: null },
      { gold: "so $\\boxed{\\frac{1}{2}}$, #### 3", response: "x" },
    ),
  );
  expect(rows.map(({ gold, response, answer }) => [gold, response, answer])).toEqual([
    ["18", "", null],
    ["1.5", null, "2"],
    ["18", null, null],
    ["\\frac{1}{2}", "x", null],
  ]);
  expect(rows[1].place).toBe("rows.jsonl, line 3");
  expect(rows[0].cells.id).toBe(7);
});

test("every row that cannot be graded is listed by file and line", async () => {
  const path = file(
    { gold: "1", response: "1" },
    { gold: " ", response: "1" },
    { response: "1" },
    { gold: "1" },
    { gold: "1", response: "1", answer: "1" },
    { gold: "1", response: null },
    { gold: ["1"], answer: "1" },
  );
  const error = await readGradingRows(path).catch((thrown: unknown) => thrown as Error);
  expect(error).toBeInstanceOf(DataError);
  const [head, ...listed] = (error as Error).message.split("\n");
  expect(head).toContain(path);
  expect(listed).toEqual([
    "  rows.jsonl, line 2: gold is empty",
    "  rows.jsonl, line 3: gold is empty",
    "  rows.jsonl, line 4: it has neither response nor answer",
    "  rows.jsonl, line 5: it has a response and an answer, and one can be graded: leave one out",
    "  rows.jsonl, line 6: response is empty",
    "  rows.jsonl, line 7: gold is a list, expected text or a number",
  ]);
});

test.each([
  [["", "\n"], /expected rows to grade, the file has none/],
  [[{ golden: "1", response: "1" }], /missing: gold \(did you mean golden\?\)/],
  [[{ gold: "1", respons: "1" }], /missing: response \(did you mean respons\?\)/],
  [[{ gold: "1", response: "1" }, '{"gold":"1", '], /rows.jsonl, line 2: broken JSON/],
])("a file of %j is refused", async (rows, message) => {
  const thrown = readGradingRows(file(...rows));
  await expect(thrown).rejects.toThrow(DataError);
  await expect(thrown).rejects.toThrow(message);
});

test("more rows than are graded at once keep their order, their other columns, and their counts", async () => {
  const given = Array.from({ length: 600 }, (_, i) => ({
    id: i,
    gold: `${i % 3}`,
    response: i < 599 ? "#### 1" : "I do not know",
  }));
  const graded: GradedRow[] = [];
  // The first to be asked is the last to answer.
  const judge = async (answer: string, gold: string) => {
    if (graded.length === 0) await new Promise((resolve) => setTimeout(resolve, Number(gold) === 0 ? 20 : 0));
    return gold === "2" ? { equal: null, tier: "symbolic" as const, reason: "slow" } : compareAnswers(answer, gold);
  };
  for await (const some of gradeRows(await readGradingRows(file(...given)), { rule: "symbolic", judge }))
    graded.push(...some);
  expect(graded.map(({ id }) => id)).toEqual(given.map(({ id }) => id));
  expect(graded[1]).toEqual({
    id: 1,
    gold: "1",
    response: "#### 1",
    verdict: true,
    extracted: "1",
    rule: "hash",
    tier: "text",
    parts: { correct: 1, format: 1, "gsm8k-strict": 1, "gsm8k-flexible": 1 },
  });
  expect(graded[2]).toMatchObject({ verdict: null, reason: "slow", parts: { correct: null, "gsm8k-strict": 0 } });
  // The last one gives no answer, which is a wrong one.
  expect(graded[599]).toMatchObject({ verdict: false, extracted: null, rule: "none", parts: { format: 0 } });
  const { parts, ...counts } = summarizeGrading(graded);
  expect(counts).toEqual({
    n: 600,
    correct: 200,
    wrong: 201,
    ungraded: 199,
    accuracy: 200 / 401,
    ci95: wilsonInterval(200, 401),
  });
  expect(parts.correct).toBeCloseTo(200 / 401);
  expect(parts.format).toBeCloseTo(599 / 600);
});
