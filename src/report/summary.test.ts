import { expect, test } from "vitest";
import type { EvaluationSummary, RunEvent } from "../records/events.ts";
import { stageResults, summarizeRun } from "./summary.ts";

const result = (name: string, accuracy: number): EvaluationSummary => ({
  name,
  accuracy,
  ci95: [accuracy - 0.1, accuracy + 0.1],
  formatAccuracy: 1,
  n: 100,
  seconds: 3,
});
const metrics = (step: number, loss: number): RunEvent => ({
  type: "metrics",
  time: 0,
  stage: "sft",
  step,
  values: { loss },
});

test("steps logged again after a resume count once, in order, with their last value", () => {
  const { stages, resumes } = summarizeRun([
    metrics(1, 3),
    metrics(2, 2),
    metrics(3, 9),
    { type: "resume", time: 0, stage: "sft", step: 2 },
    metrics(2, 2.5),
    metrics(3, 1),
  ]);
  expect(resumes).toBe(1);
  expect(stages[0].kind).toBe("sft");
  expect(stages[0].metrics.get("loss")).toEqual([
    { step: 1, value: 3 },
    { step: 2, value: 2.5 },
    { step: 3, value: 1 },
  ]);
});

test("a null in the file is a value that was not finite", () => {
  const torn = JSON.parse('{"type":"metrics","time":0,"stage":"sft","step":1,"values":{"loss":null}}');
  expect(summarizeRun([torn]).stages[0].metrics.get("loss")?.[0].value).toBeNaN();
});

test("a stage's result is its last one under its own name; its time is the stage's", () => {
  const summary = summarizeRun([
    { type: "stage-start", time: 0, stage: "rl", kind: "rl", totalSteps: 9 },
    { type: "evaluation", time: 0, stage: "rl", step: 4, result: result("rl", 0.4) },
    { type: "evaluation", time: 0, stage: "rl", step: 9, result: result("rl", 0.7) },
    { type: "evaluation", time: 0, stage: "rl", step: 9, result: result("harder", 0.2) },
    { type: "stage-end", time: 0, stage: "rl", seconds: 60 },
    { type: "evaluation", time: 0, stage: "eval", step: 0, result: result("test", 0.6) },
    { type: "stage-end", time: 0, stage: "eval", seconds: 0 },
  ]);
  expect(stageResults(summary).map(({ name, accuracy, seconds }) => [name, accuracy, seconds])).toEqual([
    ["rl", 0.7, 60],
    ["eval", 0.6, 3],
  ]);
});

test("notes stand in order, each once", () => {
  const note = (message: string): RunEvent => ({ type: "note", time: 0, stage: "sft", step: 0, message });
  expect(summarizeRun([note("b"), note("a"), note("b")]).notes).toEqual(["b", "a"]);
});

test("repeated warnings are counted; an unfinished run has the time recorded so far", () => {
  const warning = (step: number): RunEvent => ({
    type: "warning",
    time: 5000 + step,
    stage: "rl",
    step,
    message: "no spread",
  });
  const { warnings, seconds, finished } = summarizeRun([warning(0), warning(1000), warning(2000)]);
  expect(warnings).toEqual([{ stage: "rl", step: 0, message: "no spread", count: 3 }]);
  expect([seconds, finished]).toEqual([2, false]);
  expect(summarizeRun([]).startedAt).toBeNull();
});
