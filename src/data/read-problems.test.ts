import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import { stripCalculatorNotes } from "./layouts/gsm8k.ts";
import { describeSetAside, type ReadOptions, readProblems } from "./read-problems.ts";

const directory = mkdtempSync(join(tmpdir(), "reckon-problems-"));
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, rows: readonly object[]): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
}

const named = { layout: "columns", columns: { question: "q", answer: "a" }, split: "train" } as const;

describe("layouts", () => {
  const read = async (layout: ReadOptions["layout"], row: object, more: Partial<ReadOptions> = {}) =>
    (await readProblems({ path: write("one.jsonl", [row]), layout, split: "train", ...more })).problems[0];

  test("GSM8K: steps, then `#### n`; calculator notes kept or stripped", async () => {
    const row = { question: "Q?", answer: "48/2 = <<48/2=24>>24.\n24*45 = $<<24*45=1080>>1,080\n#### 1,080" };
    expect(await read("gsm8k", row)).toEqual({
      id: "one/1",
      question: "Q?",
      answer: "1,080",
      solution: "48/2 = 24.\n24*45 = $1,080",
    });
    const kept = await read("gsm8k", row, { calculatorNotes: "keep" });
    expect(kept.solution).toBe("48/2 = <<48/2=24>>24.\n24*45 = $<<24*45=1080>>1,080");
    expect(stripCalculatorNotes("a << b <c> <<1+1=2>>2")).toBe("a << b <c> 2");
  });

  test.each([
    ["( 8.0 - 3.0 )", "5", "8 - 3 = 5"],
    ["( ( 4.0 - 2.0 ) + 13.0 )", "15", "(4 - 2) + 13 = 15"],
    ["( 10.0 - ( 2.0 + 3.0 ) )", "5", "10 - (2 + 3) = 5"],
    ["( ( 1.0 + 2.0 ) * ( 3.0 + 4.0 ) )", "21", "(1 + 2) * (3 + 4) = 21"],
    ["( 100.0 / 20.0 )", "5", "100 / 20 = 5"],
    ["( ( 2.0 * 3 ) * 4.0 )", "24", "(2 * 3) * 4 = 24"],
    ["7.0", "7", "7"],
  ])("SVAMP: %s with its value is %s", async (equation, answer, solution) => {
    const row = { id: "chal-1", question: "Q?", answer, equation, type: "Common-Divison" };
    const expected = { id: "chal-1", question: "Q?", answer, solution, meta: { type: "Common-Division" } };
    expect(await read("svamp", row)).toEqual(expected);
  });

  test("MATH: level and subject are kept, an unknown level is none", async () => {
    const row = { id: "train/0", problem: "Q?", solution: "S", answer: "\\frac12", subject: "Algebra", level: 5 };
    const expected = { id: "train/0", question: "Q?", answer: "\\frac12", solution: "S" };
    expect(await read("math", row)).toEqual({ ...expected, meta: { subject: "Algebra", level: 5 } });
    expect((await read("math", { ...row, level: null })).meta).toEqual({ subject: "Algebra" });
  });

  test("named columns, from JSON lines and from parquet", async () => {
    const columns = { question: "q", answer: "a", solution: "s", id: "n" };
    const row = { q: "Q?", a: 5, s: "S", n: 7 };
    expect(await read("columns", row, { columns })).toEqual({ id: "7", question: "Q?", answer: "5", solution: "S" });
    const { problems, setAside } = await readProblems({
      path: join(import.meta.dirname, "../../test/goldens/word-problems.parquet"),
      layout: "columns",
      columns: { question: "question", answer: "gold" },
      split: "train",
    });
    expect(problems.map(({ id, answer }) => [id, answer])).toEqual([
      ["word-problems/1", "2"],
      ["word-problems/2", "-3"],
      ["word-problems/3", "3"],
    ]);
    expect(describeSetAside(setAside)).toBe("word-problems.parquet, row 4: gold is empty");
  });
});

describe("which rows", () => {
  let path: string;
  beforeAll(() => {
    path = write(
      "ten.jsonl",
      Array.from({ length: 10 }, (_, i) => ({ q: `Q${i + 1}`, a: i === 2 ? "" : i })),
    );
  });
  const questions = async (more: Partial<ReadOptions>) =>
    (await readProblems({ path, ...named, ...more })).problems.map(({ question }) => question);

  test("a range by position counts rows set aside too", async () => {
    expect(await questions({ rows: [2, 4] })).toEqual(["Q2", "Q4"]);
    await expect(questions({ rows: [8, 11] })).rejects.toThrow(/expected rows 8 to 11, the file has 10/);
    await expect(questions({ rows: [0, 3] })).rejects.toThrow(DataError);
  });

  test("a limit takes the first, after shuffling by seed", async () => {
    expect(await questions({ limit: 3 })).toEqual(["Q1", "Q2", "Q4"]);
    const drawn = await questions({ shuffleSeed: 1 });
    expect(drawn).not.toEqual(await questions({}));
    expect([...drawn].sort()).toEqual([...(await questions({}))].sort());
    expect(await questions({ shuffleSeed: 1, limit: 3 })).toEqual(drawn.slice(0, 3));
    expect(await questions({ shuffleSeed: 2 })).not.toEqual(drawn);
  });

  test("a directory's files are found by split: shards together, the hub's main variant first", async () => {
    for (const variant of ["main", "socratic"]) {
      write(`hub/${variant}/train-00000-of-00002.jsonl`, [{ q: `${variant} 1`, a: 1 }]);
      write(`hub/${variant}/train-00001-of-00002.jsonl`, [{ q: `${variant} 2`, a: 2 }]);
      write(`hub/${variant}/test-00000-of-00001.jsonl`, [{ q: `${variant} test`, a: 3 }]);
    }
    const hub = { path: join(directory, "hub") };
    expect(await questions(hub)).toEqual(["main 1", "main 2"]);
    expect(await questions({ ...hub, split: "test" })).toEqual(["main test"]);
    expect(await questions({ ...hub, file: "socratic" })).toEqual(["socratic 1", "socratic 2"]);
    expect(await questions({ ...hub, file: "socratic/test-00000-of-00001.jsonl" })).toEqual(["socratic test"]);
  });

  test("two files that could be meant, and none, are errors that list them", async () => {
    write("two/train.jsonl", [{ q: "1", a: 1 }]);
    write("two/train_more.jsonl", [{ q: "2", a: 1 }]);
    const two = { path: join(directory, "two") };
    await expect(questions(two)).rejects.toThrow(/several files could be its train: train\.jsonl, train_more\.jsonl/);
    await expect(questions({ ...two, split: "test" })).rejects.toThrow(
      /expected a file named test\*.*got train\.jsonl/,
    );
    await expect(questions({ path: join(directory, "gone") })).rejects.toThrow(/no such file or directory/);
  });
});

describe("bad rows", () => {
  test("are set aside with place and reason", async () => {
    const rows = [
      { question: "Q?", answer: "#### 3" },
      { question: "", answer: "#### 3" },
      { question: "Q?", answer: "three" },
      { question: "Q?", answer: "#### " },
    ];
    const { problems, setAside } = await readProblems({
      path: write("bad.jsonl", rows),
      layout: "gsm8k",
      split: "train",
    });
    expect(problems).toHaveLength(1);
    expect(setAside).toEqual([
      { place: "bad.jsonl, line 2", reason: "question is empty" },
      { place: "bad.jsonl, line 3", reason: "answer ends without `#### n`" },
      { place: "bad.jsonl, line 4", reason: "answer ends without `#### n`" },
    ]);
  });

  test.each([
    ["( 4.0 - 2.0 ) + 3.0", "1", /is 5, answer is 1/],
    ["( 4.0 / 0.0 )", "1", /equation: /],
    ["( 4.0 - ", "1", /equation: .*got the end/],
    ["( 4.5 - 0.5 )", "4", /equation: /],
  ])("SVAMP: %s with the answer %s contradicts itself", async (equation, answer, reason) => {
    const rows = [{ question: "Q?", answer, equation, type: "Addition" }];
    const reading = readProblems({ path: write("bad.jsonl", rows), layout: "svamp", split: "train" });
    await expect(reading).rejects.toThrow(/none of 1 rows is usable/);
    await expect(reading).rejects.toThrow(reason);
  });

  test("ids that come twice and columns that are missing stop it", async () => {
    const path = write("twice.jsonl", [
      { q: "1", a: 1, n: "x" },
      { q: "2", a: 1, n: "x" },
    ]);
    const columns = { ...named.columns, id: "n" };
    await expect(readProblems({ path, ...named, columns })).rejects.toThrow(/expected each id once, got twice: x;/);
    await expect(readProblems({ path, ...named, layout: "gsm8k" })).rejects.toThrow(
      /missing: question, answer; there are q, a, n/,
    );
    await expect(readProblems({ path, layout: "columns", split: "train" })).rejects.toThrow(/give columns/);
  });

  test("a long list is cut", () => {
    const many = Array.from({ length: 25 }, (_, i) => ({ place: `line ${i}`, reason: "empty" }));
    expect(describeSetAside(many).split("\n")).toHaveLength(21);
    expect(describeSetAside(many)).toMatch(/and 5 more$/);
  });
});

const shared = join(import.meta.dirname, "../../../shared/data");

describe.skipIf(!existsSync(shared))("the published files (skipped where ../shared/data is absent)", () => {
  test.each([
    ["gsm8k", "train", 7473, []],
    ["gsm8k", "test", 1319, []],
    ["svamp", "train", 699, ["test.jsonl, line 680: equation `( ( 4 - 2 ) + 3 )` is 5, answer is 1"]],
    ["svamp", "test", 300, []],
    [
      "math",
      "train",
      11998,
      ["train.jsonl.gz, line 5342: answer is empty", "train.jsonl.gz, line 5344: answer is empty"],
    ],
    ["math", "test", 500, []],
  ] as const)("%s, %s: %i problems", async (layout, split, count, setAside) => {
    const set = await readProblems({ path: join(shared, layout), layout, split });
    expect(set.problems).toHaveLength(count);
    expect(set.setAside.map(({ place, reason }) => `${place}: ${reason}`)).toEqual(setAside);
    expect(set.problems.every(({ solution }) => solution !== undefined && !solution.includes("<<"))).toBe(true);
  });
});
