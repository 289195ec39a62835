import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CheckpointError, ConfigError, DataError } from "../base/errors.ts";
import type { AttemptRecord, RunEvent } from "../records/events.ts";
import { createRun, openRun } from "./create-run.ts";
import { metricsCsv } from "./metrics-csv.ts";
import { listRuns, readAttempts, readEvents, readRun, readSamples, runExists, secondsSpent } from "./run-reader.ts";
import type { RunWriter } from "./run-writer.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-runs-"));
const dir = join(root, "a");
const open: RunWriter[] = [];
beforeEach(() => {
  for (const run of open.splice(0)) run.close();
  rmSync(root, { recursive: true, force: true });
});
afterAll(() => {
  for (const run of open.splice(0)) run.close();
  rmSync(root, { recursive: true, force: true });
});

const clock = () => 1_700_000_000_000;
function create(options: { name?: string; overwrite?: boolean; seed?: number } = {}): RunWriter {
  const run = createRun({
    root,
    name: "a",
    recipe: { stages: [{ name: "rl", lr: 1e-4 }] },
    version: "0.1.0",
    seed: 3,
    now: clock,
    ...options,
  });
  open.push(run);
  return run;
}
function reopen(): RunWriter {
  const run = openRun(dir, clock);
  open.push(run);
  return run;
}
const start = (stage: string): RunEvent => ({ type: "stage-start", time: 1, stage, kind: "rl", totalSteps: 9 });
const metrics = (stage: string, step: number, values: Record<string, number>): RunEvent => ({
  type: "metrics",
  time: 1000 + step,
  stage,
  step,
  values,
});
const attempt = (stage: string, step: number, problem: string): AttemptRecord => ({
  stage,
  step,
  problem,
  question: "1+1",
  gold: "2",
  completion: "2",
  answer: "2",
  stop: "eos",
  tokens: 2,
  parts: { correct: 1, format: null },
  reward: 1,
  advantage: 0.5,
});
const checkpoint = (run: RunWriter, stage: string, step: number, score: number | null = null, keepLast = 2) =>
  run.saveCheckpoint({
    stage,
    step,
    score,
    keepLast,
    write: (into) => writeFileSync(join(into, "weights"), `${stage} ${step}`),
  });
const names = () => readdirSync(join(dir, "checkpoints")).sort();

describe("createRun", () => {
  it("lays out a run that readRun gives back", async () => {
    const run = create();
    run.append(start("rl"));
    run.append(metrics("rl", 1, { loss: 0.5 }));
    run.appendAttempts([attempt("rl", 1, "p1")]);
    run.appendSamples({ stage: "rl", step: 1 }, [attempt("eval", 9, "p2")]);
    await checkpoint(run, "rl", 1, 0.25);
    expect(await run.saveFinal((into) => writeFileSync(join(into, "model"), "m"))).toBe(join(dir, "final"));
    run.append({ type: "run-end", time: 5, seconds: 4 });
    run.close();
    const read = readRun(dir);
    expect(read.manifest).toEqual({
      store: 1,
      name: "a",
      version: "0.1.0",
      seed: 3,
      created: "2023-11-14T22:13:20.000Z",
      startModel: null,
      startCommit: null,
      data: null,
    });
    expect(read.recipe).toEqual({ stages: [{ name: "rl", lr: 1e-4 }] });
    expect(read.events.map((event) => event.type)).toEqual(["stage-start", "metrics", "checkpoint", "run-end"]);
    expect(read.events[2]).toEqual({
      type: "checkpoint",
      time: clock(),
      stage: "rl",
      step: 1,
      path: "checkpoints/rl-1",
      best: true,
    });
    expect([...read.attempts()]).toEqual([attempt("rl", 1, "p1")]);
    expect([...read.samples()]).toEqual([attempt("rl", 1, "p2")]);
    expect(read.lastCheckpoints.get("rl")).toEqual({
      stage: "rl",
      step: 1,
      score: 0.25,
      path: join(dir, "checkpoints", "rl-1"),
    });
    expect(read).toMatchObject({ finished: true, final: join(dir, "final"), owner: null });
    expect(readdirSync(dir).sort()).toEqual([
      "attempts.jsonl",
      "checkpoints",
      "events.jsonl",
      "final",
      "metrics.csv",
      "recipe.yaml",
      "run.json",
      "samples.jsonl",
    ]);
  });

  it("refuses a finished or unfinished run, a foreign directory, a bad name, and one in use", async () => {
    const run = create();
    expect(() => create()).toThrow(`${dir}: this run directory is in use by this process`);
    expect(() => reopen()).toThrow(ConfigError);
    await checkpoint(run, "rl", 4);
    run.close();
    expect(() => create()).toThrow(
      `found an unfinished run (last checkpoint ${join(dir, "checkpoints", "rl-4")}); use --resume`,
    );
    const again = reopen();
    again.append({ type: "run-end", time: 5, seconds: 4 });
    again.close();
    expect(() => create()).toThrow(
      "found a finished run; use --resume to go on with it, another --out or name, or --overwrite",
    );
    mkdirSync(join(root, "mine"));
    writeFileSync(join(root, "mine", "thesis.txt"), "precious");
    for (const overwrite of [false, true])
      expect(() => create({ name: "mine", overwrite })).toThrow("expected a new or empty directory");
    expect(readFileSync(join(root, "mine", "thesis.txt"), "utf8")).toBe("precious");
    expect(() => create({ name: "../b" })).toThrow('run name "../b"');
    writeFileSync(join(root, "file"), "");
    expect(() => createRun({ root: join(root, "file"), name: "a", recipe: {}, version: "1", seed: 1 })).toThrow(
      ConfigError,
    );
  });

  it("overwrites a run that nobody uses, and only then", () => {
    const first = create();
    first.append(metrics("rl", 1, { loss: 1 }));
    expect(() => create({ overwrite: true })).toThrow("in use");
    first.close();
    const second = create({ overwrite: true, seed: 8 });
    expect(second.manifest.seed).toBe(8);
    second.close();
    expect(readEvents(dir)).toEqual([]);
    expect(readdirSync(root)).toEqual(["a"]);
  });

  it("takes an empty directory, and removes what a killed creation left beside it", () => {
    mkdirSync(dir, { recursive: true });
    mkdirSync(join(root, ".tmp-a-999999999-0123abcd"));
    create().close();
    expect(readdirSync(root)).toEqual(["a"]);
    expect(runExists(dir)).toBe(true);
  });

  it("lists runs, oldest first", () => {
    mkdirSync(join(root, "other"), { recursive: true });
    for (const [name, time] of [
      ["b", 5],
      ["a", 9],
    ] as const) {
      createRun({ root, name, recipe: {}, version: "1", seed: 1, now: () => time }).close();
    }
    expect(listRuns(root).map((run) => run.manifest.name)).toEqual(["b", "a"]);
    expect(listRuns(join(root, "missing"))).toEqual([]);
    expect(() => readRun(join(root, "other"))).toThrow(DataError);
  });
});

describe("checkpoints", () => {
  it("keeps the last two and the best of each stage", async () => {
    const run = create();
    await checkpoint(run, "sft", 10);
    const scores = [0.1, 0.7, 0.7, 0.3, 0.2];
    const best: boolean[] = [];
    for (const [i, score] of scores.entries()) best.push((await checkpoint(run, "rl", i + 1, score)).best);
    expect(best).toEqual([true, true, false, false, false]);
    expect(names()).toEqual(["rl-2", "rl-4", "rl-5", "sft-10"]);
    await expect(checkpoint(run, "rl", 6, 0.1, 0)).rejects.toThrow("keepLast must be a whole number from 1");
    await expect(checkpoint(run, "r/l", 6)).rejects.toThrow('stage name "r/l"');
  });

  it("shows nothing of one that failed, and goes on", async () => {
    const run = create();
    await checkpoint(run, "rl", 1);
    await expect(
      run.saveCheckpoint({ stage: "rl", step: 2, write: () => Promise.reject(new Error("boom")) }),
    ).rejects.toThrow("boom");
    expect(names()).toEqual(["rl-1"]);
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    const failing = run.saveCheckpoint({
      stage: "rl",
      step: 2,
      write: () => {
        throw full;
      },
    });
    await expect(failing).rejects.toThrow(CheckpointError);
    await expect(failing).rejects.toThrow(`the last good checkpoint is ${join(dir, "checkpoints", "rl-1")}`);
    await checkpoint(run, "rl", 2);
    expect(names()).toEqual(["rl-1", "rl-2"]);
  });

  it("replaces one of the same step and clears leftovers at open", async () => {
    const run = create();
    await checkpoint(run, "rl", 1, 0.5);
    await run.saveCheckpoint({ stage: "rl", step: 1, write: (into) => writeFileSync(join(into, "weights"), "again") });
    expect(readFileSync(join(dir, "checkpoints", "rl-1", "weights"), "utf8")).toBe("again");
    run.close();
    mkdirSync(join(dir, "checkpoints", ".tmp-rl-2-1-abcdef01"));
    writeFileSync(join(dir, ".tmp-metrics.csv-1-abcdef01"), "");
    reopen();
    expect(names()).toEqual(["rl-1"]);
    expect(readdirSync(dir).filter((name) => name.startsWith(".tmp-"))).toEqual([]);
  });
});

describe("resumeFrom", () => {
  it("supersedes events, attempts, samples, checkpoints and the final model beyond the point", async () => {
    const run = create();
    run.append(start("sft"));
    run.append(metrics("sft", 5, { loss: 1 }));
    await checkpoint(run, "sft", 5);
    run.append(start("rl"));
    for (const step of [1, 2, 3]) {
      run.append(metrics("rl", step, { loss: step }));
      run.appendAttempts([attempt("rl", step, `old-${step}`)]);
      run.appendSamples({ stage: "rl", step }, [attempt("rl", step, `old-${step}`)]);
      await checkpoint(run, "rl", step, null, 3);
    }
    await run.saveFinal((into) => writeFileSync(join(into, "model"), "m"));
    run.close();

    const second = reopen();
    second.resumeFrom("rl", 1);
    expect(names()).toEqual(["rl-1", "sft-5"]);
    expect(existsSync(join(dir, "final"))).toBe(false);
    second.append(metrics("rl", 2, { loss: 20 }));
    second.appendAttempts([attempt("rl", 2, "new-2")]);
    second.appendSamples({ stage: "rl", step: 1 }, [attempt("rl", 1, "new-1")]);
    second.close();
    expect(
      readEvents(dir).map((event) => ("step" in event ? `${event.type} ${event.stage} ${event.step}` : event.type)),
    ).toEqual([
      "stage-start",
      "metrics sft 5",
      "checkpoint sft 5",
      "stage-start",
      "metrics rl 1",
      "checkpoint rl 1",
      "resume rl 1",
      "metrics rl 2",
    ]);
    expect([...readAttempts(dir)].map((one) => one.problem)).toEqual(["old-1", "new-2"]);
    expect([...readSamples(dir)].map((one) => one.problem)).toEqual(["new-1"]);

    const third = reopen();
    third.resumeFrom("sft", 5);
    third.close();
    expect([...readAttempts(dir)]).toEqual([]);
    expect(names()).toEqual(["sft-5"]);
  });
});

describe("metrics.csv", () => {
  it("has one column per metric name, sorted, and the shortest numbers that read back", async () => {
    const run = create();
    run.append(metrics("sft", 1, { loss: 0.1, "a,b": 1 }));
    run.append(metrics("sft", 2, { loss: Number.NaN, grad_norm: Number.POSITIVE_INFINITY }));
    await checkpoint(run, "sft", 2);
    run.append(metrics("rl", 1, { reward: 1e-7, loss: -0 }));
    const head = 'stage,step,time,"a,b",grad_norm,loss';
    expect(readFileSync(join(dir, "metrics.csv"), "utf8")).toBe(
      `${head}\nsft,1,1001,1,,0.1\nsft,2,1002,,Infinity,NaN\n`,
    );
    run.close();
    expect(readFileSync(join(dir, "metrics.csv"), "utf8")).toBe(
      `${head},reward\nsft,1,1001,1,,0.1,\nsft,2,1002,,Infinity,NaN,\nrl,1,1001,,,0,1e-7\n`,
    );
    expect(readEvents(dir)[1]).toMatchObject({ values: { loss: Number.NaN, grad_norm: Number.POSITIVE_INFINITY } });
    expect(metricsCsv([])).toBe("stage,step,time\n");
  });
});

describe("RunWriter", () => {
  // Its clock stands still unless it is moved.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    vi.advanceTimersByTime(1000);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("writes at once after a quiet spell, and holds lines back for 250 ms at most", () => {
    const run = create();
    run.append(metrics("rl", 1, { loss: 1 }));
    expect(readEvents(dir)).toHaveLength(1);
    run.append(metrics("rl", 2, { loss: 1 }));
    vi.advanceTimersByTime(249);
    expect(readEvents(dir)).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(readEvents(dir)).toHaveLength(2);
  });

  it.skipIf(!existsSync("/dev/full"))("throws a write that failed in the background from the next call", async () => {
    create().close();
    rmSync(join(dir, "attempts.jsonl"));
    symlinkSync("/dev/full", join(dir, "attempts.jsonl"));
    const run = openRun(dir);
    run.append(metrics("rl", 1, { loss: 1 }));
    run.appendAttempts([attempt("rl", 1, "p")]);
    vi.advanceTimersByTime(250);
    expect(() => run.append(metrics("rl", 2, { loss: 1 }))).toThrow(/^disk full while writing .*attempts\.jsonl/);
    await expect(checkpoint(run, "rl", 2)).rejects.toThrow(CheckpointError);
    expect(() => run.close()).toThrow("disk full");
    expect(existsSync(join(dir, "lock"))).toBe(false);
    expect(() => run.append(metrics("rl", 2, { loss: 1 }))).toThrow("closed");
    expect(readEvents(dir)).toHaveLength(1);
  });

  it("writes nothing for an event of its own: all of a spell go at once", () => {
    const run = create();
    const size = () => statSync(join(dir, "events.jsonl")).size;
    run.append(metrics("rl", 1, { loss: 1 }));
    const before = size();
    for (let i = 0; i < 5000; i++) run.append(metrics("rl", 2 + i, { loss: i }));
    expect(size()).toBe(before);
    vi.advanceTimersByTime(250);
    expect(readEvents(dir)).toHaveLength(5001);
  });
});

describe("secondsSpent", () => {
  const at = (time: number, stage = "rl"): RunEvent => ({ type: "stage-end", time, stage, seconds: 1 });

  it("adds up processes and leaves out the time between them", () => {
    const first = create();
    for (const time of [10_000, 12_500]) first.append(at(time));
    first.close();
    expect(secondsSpent(dir)).toBe(2.5);
    const second = reopen();
    second.resumeFrom("rl", 0);
    second.append(at(clock() + 4_000));
    second.flush();
    expect(secondsSpent(dir)).toBe(6.5);
  });

  it("is 0 before anything was written", () => {
    create().flush();
    expect(secondsSpent(dir)).toBe(0);
  });
});

it("a root that cannot be made is refused, with what to do", () => {
  const create = (root: string) => createRun({ root, name: "a", recipe: {}, version: "0.1.0", seed: 0, now: clock });
  expect(() => create("/proc/reckon/runs")).toThrow(/cannot be created.*choose another --out/);
});
