import { describe, expect, it } from "vitest";
import type { RunEvent } from "../records/events.ts";
import { liveEvents, stagesBefore } from "./replay.ts";

const run = (name: string): RunEvent => ({ type: "run", time: 0, name, version: "1", seed: 1, device: {} });
const start = (stage: string, time = 0): RunEvent => ({ type: "stage-start", time, stage, kind: "rl", totalSteps: 9 });
const end = (stage: string): RunEvent => ({ type: "stage-end", time: 0, stage, seconds: 1 });
const metrics = (stage: string, step: number, loss: number): RunEvent => ({
  type: "metrics",
  time: 0,
  stage,
  step,
  values: { loss },
});
const resume = (stage: string, step: number): RunEvent => ({ type: "resume", time: 0, stage, step });
const note = (message: string): RunEvent => ({ type: "note", time: 0, stage: "rl", step: 1, message });
const warning = (stage: string, step: number, message: string): RunEvent => ({
  type: "warning",
  time: 0,
  stage,
  step,
  message,
});
const checkpoint = (stage: string, step: number): RunEvent => ({
  type: "checkpoint",
  time: 0,
  stage,
  step,
  path: `checkpoints/${stage}-${step}`,
  best: false,
});
const runEnd: RunEvent = { type: "run-end", time: 0, seconds: 1 };
const evaluation = (stage: string, step: number, name: string, accuracy: number): RunEvent => ({
  type: "evaluation",
  time: 0,
  stage,
  step,
  result: { name, accuracy, ci95: [0, 1], formatAccuracy: 1, n: 10, seconds: 1 },
});

describe("liveEvents", () => {
  it("drops later steps of the stage and all of later stages at a resume", () => {
    const log = [
      run("a"),
      start("sft"),
      metrics("sft", 1, 3),
      metrics("sft", 2, 2),
      checkpoint("sft", 2),
      metrics("sft", 3, 1),
      warning("sft", 3, "slow"),
      evaluation("sft", 3, "test", 0.5),
      end("sft"),
      start("rl"),
      metrics("rl", 1, 9),
      runEnd,
      resume("sft", 2),
      metrics("sft", 3, 1.5),
      end("sft"),
      start("rl"),
      metrics("rl", 1, 8),
    ];
    expect(liveEvents(log)).toEqual([
      run("a"),
      start("sft"),
      metrics("sft", 1, 3),
      metrics("sft", 2, 2),
      checkpoint("sft", 2),
      resume("sft", 2),
      metrics("sft", 3, 1.5),
      end("sft"),
      start("rl"),
      metrics("rl", 1, 8),
    ]);
  });

  it("keeps earlier stages, whatever their steps", () => {
    const log = [
      start("sft"),
      metrics("sft", 50, 1),
      end("sft"),
      start("rl"),
      metrics("rl", 1, 2),
      metrics("rl", 2, 3),
      resume("rl", 1),
    ];
    expect(liveEvents(log)).toEqual([
      start("sft"),
      metrics("sft", 50, 1),
      end("sft"),
      start("rl"),
      metrics("rl", 1, 2),
      resume("rl", 1),
    ]);
  });

  it("takes a stage that only a resume mentions for the latest", () => {
    const log = [start("sft"), metrics("sft", 5, 1), end("sft"), resume("rl", 0), start("rl")];
    expect(liveEvents(log)).toEqual(log);
  });

  it("applies resumes in turn, each to what came before it", () => {
    const log = [
      start("rl"),
      metrics("rl", 1, 1),
      metrics("rl", 2, 1),
      resume("rl", 1),
      metrics("rl", 2, 2),
      metrics("rl", 3, 2),
      resume("rl", 0),
      metrics("rl", 1, 3),
    ];
    expect(liveEvents(log)).toEqual([start("rl"), resume("rl", 0), metrics("rl", 1, 3)]);
  });

  it("keeps the last of events that say the same thing, at the place of the first", () => {
    const log = [
      run("old"),
      start("rl", 1),
      metrics("rl", 1, 1),
      evaluation("rl", 1, "test", 0.1),
      evaluation("rl", 1, "hard", 0.2),
      warning("rl", 1, "a"),
      warning("rl", 1, "b"),
      note("a"),
      note("b"),
      note("a"),
      run("new"),
      start("rl", 2),
      metrics("rl", 1, 7),
      evaluation("rl", 1, "test", 0.3),
    ];
    expect(liveEvents(log)).toEqual([
      run("new"),
      start("rl", 2),
      metrics("rl", 1, 7),
      evaluation("rl", 1, "test", 0.3),
      evaluation("rl", 1, "hard", 0.2),
      warning("rl", 1, "a"),
      warning("rl", 1, "b"),
      note("a"),
      note("b"),
    ]);
  });
});

describe("stagesBefore", () => {
  it("stops at the stage, or takes all when it is new", () => {
    expect(stagesBefore("rl", ["sft", "eval", "rl", "more"])).toEqual(["sft", "eval"]);
    expect(stagesBefore("new", ["sft", "rl"])).toEqual(["sft", "rl"]);
  });
});
