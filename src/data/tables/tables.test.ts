import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { DataError } from "../../base/errors.ts";
import { parseCsv } from "./csv.ts";
import { parseJsonl } from "./jsonl.ts";
import { parseParquet } from "./parquet.ts";
import { readTable } from "./read-table.ts";
import { requireColumns, textCell, UnusableRow } from "./table.ts";

const directory = mkdtempSync(join(tmpdir(), "reckon-tables-"));
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const parquetFile = join(import.meta.dirname, "../../../test/goldens/word-problems.parquet");

describe("JSON lines", () => {
  test("rows count from 1, places are lines of the file, blank lines are none", () => {
    const { columns, rows } = parseJsonl('{"a": 1}\n\n{"b": "x", "a": 2}\r\n', "f.jsonl");
    expect(columns).toEqual(["a", "b"]);
    expect(rows).toEqual([
      { number: 1, place: "f.jsonl, line 1", cells: { a: 1 } },
      { number: 2, place: "f.jsonl, line 3", cells: { b: "x", a: 2 } },
    ]);
  });

  test("every broken line is listed", () => {
    expect(() => parseJsonl('{"a": 1}\n{"a": \n[1]\n', "f.jsonl")).toThrow(
      /f\.jsonl, line 2: broken JSON .*\n {2}f\.jsonl, line 3: expected an object .*got `\[1\]`/,
    );
    expect(() => parseJsonl("x\n".repeat(15), "f.jsonl")).toThrow(/line 10: .*\n {2}and 5 more$/);
  });
});

describe("CSV", () => {
  test("reads quotes, line ends within them, and a byte order mark", () => {
    const { columns, rows } = parseCsv('\ufeffquestion,answer\n"a ""b"",\nc",2\r\n\nd,3\n', "f.csv", ",");
    expect(columns).toEqual(["question", "answer"]);
    expect(rows.map(({ cells }) => cells)).toEqual([
      { question: 'a "b",\nc', answer: "2" },
      { question: "d", answer: "3" },
    ]);
    expect(rows[0].place).toBe("f.csv, line 2");
  });

  test("a row of another length and a header with a name twice are errors with their line", () => {
    expect(() => parseCsv("q,a\n1,2\n3\n", "f.csv", ",")).toThrow(/f\.csv: Invalid Record Length.* line 3/);
    expect(() => parseCsv('q,a\n"1,2\n', "f.csv", ",")).toThrow(DataError);
    expect(() => parseCsv("q,q\n1,2\n", "f.csv", ",")).toThrow(/line 1: .*got q twice/);
    expect(() => parseCsv("", "f.csv", ",")).toThrow(/got an empty file/);
  });
});

describe("parquet", () => {
  test("reads flat columns over row groups as pyarrow wrote them", async () => {
    const { columns, rows } = await parseParquet(readFileSync(parquetFile), "f.parquet");
    expect(columns).toEqual(["question", "answer", "gold"]);
    expect(rows.map(({ cells }) => cells)).toEqual([
      { question: "What is 1+1?", answer: "1+1 = <<1+1=2>>2\n#### 2", gold: 2n },
      { question: "What is 5−8?", answer: "#### -3", gold: -3n },
      { question: "Half of €7?", answer: "7/2 = 3.5\n#### 3.5", gold: 3n },
      { question: "How many?", answer: null, gold: null },
    ]);
    expect(rows[2]).toMatchObject({ number: 3, place: "f.parquet, row 3" });
  });

  test("a broken file is a DataError, or reads; never anything else", async () => {
    const good = readFileSync(parquetFile);
    const byte = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(byte, { minLength: 1, maxLength: 4 }), fc.nat(good.length), async (bytes, cut) => {
        const broken = Uint8Array.from(good);
        for (const [at, value] of bytes) broken[at] = value;
        const cutOff = cut % 5 === 0 ? broken.subarray(0, cut) : broken;
        await parseParquet(cutOff, "f.parquet").catch((error: unknown) => {
          refused++;
          expect(error).toBeInstanceOf(DataError);
        });
      }),
      { seed: 8, numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

describe("readTable", () => {
  test("goes by the ending, gzip and tabs included", async () => {
    const lines = '{"q":"é"}\n';
    expect((await readTable(write("a.jsonl", lines))).rows[0].cells).toEqual({ q: "é" });
    expect((await readTable(write("a.jsonl.gz", gzipSync(lines)))).rows[0].cells).toEqual({ q: "é" });
    expect((await readTable(write("a.tsv", "q\ta\n1\t2\n"))).rows[0].cells).toEqual({ q: "1", a: "2" });
    expect((await readTable(parquetFile)).rows).toHaveLength(4);
  });

  test.each([
    ["a.xlsx", "", /expected a name ending in \.jsonl/],
    ["b.jsonl.gz", "no gzip", /expected gzip/],
    ["b.jsonl", new Uint8Array([0x7b, 0xff]), /expected text in UTF-8/],
    ["b.parquet", "PAR1", /expected a whole parquet file/],
  ])("%s with wrong content says what is wrong", async (name, content, message) => {
    await expect(readTable(write(name, content))).rejects.toThrow(message);
    await expect(readTable(write(name, content))).rejects.toThrow(DataError);
  });

  test("a missing file is named", async () => {
    await expect(readTable(join(directory, "gone.csv"))).rejects.toThrow(/gone\.csv: cannot be read/);
  });
});

describe("cells and columns", () => {
  const row = (cells: Record<string, unknown>) => ({ number: 1, place: "here", cells });

  test("text and numbers are text without outer spaces", () => {
    expect(textCell(row({ a: " x\n" }), "a")).toBe("x");
    expect(textCell(row({ a: -2.5 }), "a")).toBe("-2.5");
    expect(textCell(row({ a: 12345678901234567890n }), "a")).toBe("12345678901234567890");
  });

  test.each([
    [{}, "a is empty"],
    [{ a: "  " }, "a is empty"],
    [{ a: null }, "a is empty"],
    [{ a: [1] }, "a is a list"],
    [{ a: {} }, "a is an object"],
    [{ a: true }, "a is true"],
  ])("%j: %s", (cells, reason) => {
    expect(() => textCell(row(cells), "a")).toThrow(UnusableRow);
    expect(() => textCell(row(cells), "a")).toThrow(reason);
  });

  test("a missing column is named with its nearest", () => {
    const table = { path: "f.csv", columns: ["Question", "gold"], rows: [] };
    expect(() => requireColumns(table, ["gold"])).not.toThrow();
    expect(() => requireColumns(table, ["question", "answer"])).toThrow(
      /missing: question \(did you mean Question\?\), answer; there are Question, gold/,
    );
  });
});
