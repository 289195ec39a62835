import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import type { AttemptRecord } from "../records/events.ts";
import { createRun } from "../runs/create-run.ts";
import { compareMeasurements, type Measurement, readMeasurements } from "./measurements.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-compare-"));
afterAll(() => rmSync(dir, { recursive: true }));

const record = (stage: string, problem: string, correct: number, over: Partial<AttemptRecord> = {}): AttemptRecord => ({
  stage,
  step: 1,
  problem,
  question: `ask ${problem}`,
  gold: "1",
  completion: "",
  answer: String(correct),
  stop: "eos",
  tokens: 4,
  parts: { correct, format: 1, flexible: 1 },
  reward: correct,
  advantage: null,
  ...over,
});
const measurement = (name: string, verdicts: Record<string, number>): Measurement => ({
  name,
  records: new Map(Object.entries(verdicts).map(([id, correct]) => [id, record(name, id, correct)])),
});
const counts = (compared: ReturnType<typeof compareMeasurements>) =>
  compared.map(
    ({ comparison }) => comparison && [comparison.against, comparison.mended, comparison.broken, comparison.p],
  );

const base = measurement("base", { a: 0, b: 1, c: 0, d: 0, e: 0, f: 0, g: 1 });
const sft = measurement("sft", { a: 1, b: 0, c: 1, d: 1, e: 1, f: 1, g: 1 });
const rl = measurement("rl", { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 0, h: 1 });

test("each measurement is set against the first, or the one before, by McNemar's test on common questions", () => {
  // Binomial tails at ½: 5 of 6 changed (1 + 6) · 2 / 2⁶; 1 of 2, p 1.
  expect(counts(compareMeasurements([base, sft, rl], "first"))).toEqual([
    null,
    ["base", 5, 1, expect.closeTo(14 / 64, 12)],
    ["base", 5, 1, expect.closeTo(14 / 64, 12)],
  ]);
  expect(counts(compareMeasurements([base, sft, rl], "before"))[2]).toEqual(["sft", 1, 1, 1]);
  const [first, , last] = compareMeasurements([base, sft, rl], "first");
  expect([first.summary.n, first.summary.accuracy, last.measured, last.summary.n]).toEqual([7, 2 / 7, 8, 7]);
  expect(last.comparison?.brokenAnswers.map(({ before }) => before.problem)).toEqual(["g"]);
});

test("one id with another question is another problem", () => {
  const other = new Map(rl.records).set("a", record("rl", "a", 1, { question: "something else" }));
  expect(compareMeasurements([base, { name: "rl", records: other }], "first")[0].summary.n).toBe(6);
  expect(() => compareMeasurements([base, measurement("rl", { z: 1 })], "first")).toThrow(/share none/);
});

test("stages of a run and files are read as they ended, without attempts drawn at random", () => {
  const writer = createRun({ root: dir, name: "a:b", recipe: {}, version: "1", seed: 0 });
  writer.appendSamples({ stage: "base", step: 0 }, [record("base", "p", 0, { step: 0 })]);
  writer.appendSamples({ stage: "rl", step: 5 }, [record("rl", "p", 0, { step: 5 })]);
  writer.appendSamples({ stage: "rl", step: 9 }, [
    record("rl", "p", 1, { step: 9 }),
    record("rl", "p", 0, { step: 9, sample: 1 }),
  ]);
  writer.close();
  const run = join(dir, "a:b");
  expect(readMeasurements(run).map(({ name }) => name)).toEqual([`${run}:base`, `${run}:rl`]);
  const [last] = readMeasurements(`${run}:rl`);
  expect([...last.records.values()].map(({ step, parts }) => [step, parts.correct])).toEqual([[9, 1]]);
  const file = join(dir, "out.jsonl");
  writeFileSync(file, `${JSON.stringify(record("test", "p", 1))}\n`);
  expect(readMeasurements(file)[0].records.get("p")?.parts.correct).toBe(1);

  expect(() => readMeasurements(`${run}:sft`)).toThrow(/no measured stage sft; it has base, rl/);
  expect(() => readMeasurements(join(dir, "none"))).toThrow(DataError);
  writeFileSync(file, '{"prompt":"x"}\n');
  expect(() => readMeasurements(file)).toThrow(/as reckon eval --out writes them/);
});
