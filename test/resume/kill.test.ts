import type { ChildProcess } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import type { RunEvent } from "../../src/records/events.ts";
import { readAttempts, readEvents, readSamples, runExists } from "../../src/runs/run-reader.ts";
import { type Ended, ending, InstalledReckon } from "../cli/reckon.ts";

/** A mixture, KL to a frozen reference, two updates a rollout, validation that chooses the best checkpoint. */
const recipe = `
name: run
seed: 5
task: { maxDigits: 2, maxDepth: 1, operators: ["+"], scratchpad: false, maxNewTokens: 10 }
model: { size: tiny, layers: 1, experts: 4, activeExperts: 2 }
stages:
  - { name: sft, kind: pretrain, workedSolutions: 60, steps: 24, batchSize: 8, learningRate: 0.01 }
  - { name: grpo, kind: rl, problems: 40, steps: 12, promptsPerStep: 6, group: 4, learningRate: 0.003, beta: 0.05,
      updatesPerRollout: 2, rewards: { correct: 1, format: 0.5 } }
evaluation: { problems: 300 }
validation: { problems: 12, every: 4 }
checkpoints: { every: 3, keepLast: 2 }
`;

let reckon: InstalledReckon;
/** The run that nothing interrupts. */
let whole: string;

beforeAll(async () => {
  reckon = new InstalledReckon();
  reckon.write("run.yaml", recipe);
  const ended = await reckon.run(["run", "run.yaml", "--out", "whole", "--threads", "1"]);
  expect(ended.code, ended.stderr).toBe(0);
  whole = join(reckon.cwd, "whole", "run");
  // Where nothing is learned, a lost reference or lost moments would change nothing.
  const steps = outcome(whole).metrics.filter(({ stage, values }) => stage === "grpo" && values.kl > 0);
  expect(steps.length).toBeGreaterThan(8);
});
afterAll(() => reckon.remove());

/** Everything a run leaves that does not tell how fast it was: weights, metrics, expert use, results, attempts, samples. */
function outcome(dir: string) {
  const events = readEvents(dir);
  const metrics = events.flatMap((event) =>
    event.type === "metrics" ? [{ stage: event.stage, step: event.step, values: withoutTimings(event.values) }] : [],
  );
  const experts = events.flatMap((event) => (event.type === "experts" ? [{ ...event, time: 0 }] : []));
  const results = events.flatMap((event) => (event.type === "evaluation" ? [{ ...event.result, seconds: 0 }] : []));
  const best = events.flatMap((event) => (event.type === "checkpoint" && event.best ? [event.path] : []));
  return {
    metrics,
    experts,
    results,
    best: best.at(-1),
    attempts: [...readAttempts(dir)],
    samples: [...readSamples(dir)],
  };
}

const withoutTimings = (values: Record<string, number>) =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !/seconds|step_time|^perf\/|^rollout\//.test(name)));

function expectSame(dir: string, other: string) {
  expect(outcome(dir)).toEqual(outcome(other));
  const weights = (run: string) => readFileSync(join(run, "final", "model.safetensors"));
  expect(weights(dir).equals(weights(other))).toBe(true);
}

/** Starts or resumes the run, kills it with SIGKILL when `moment` comes, and says whether it was still alive then. */
async function killAt(out: string, moment: (dir: string, child: ChildProcess) => Promise<void>, more: string[] = []) {
  const dir = join(reckon.cwd, out, "run");
  const child = reckon.start(["run", "run.yaml", "--out", out, "--resume", ...more]);
  const ended = ending(child);
  await Promise.race([moment(dir, child), ended]);
  child.kill("SIGKILL");
  return ended;
}

/** As `killAt`, again from where it was while this process slept through the moment and the run ended by itself. */
async function killInTime(out: string, ...rest: [(dir: string, child: ChildProcess) => Promise<void>, string[]]) {
  const [from, kept] = [join(reckon.cwd, out), join(reckon.cwd, `${out}-kept`)];
  rmSync(kept, { recursive: true, force: true });
  if (existsSync(from)) cpSync(from, kept, { recursive: true, verbatimSymlinks: true });
  for (let left = 10; ; left--) {
    const ended = await killAt(out, ...rest);
    if (ended.signal === "SIGKILL" || ended.code !== 0 || left === 0) return ended;
    rmSync(from, { recursive: true });
    if (existsSync(kept)) cpSync(kept, from, { recursive: true, verbatimSymlinks: true });
  }
}

async function finish(out: string, ...more: string[]): Promise<Ended> {
  const ended = await reckon.run(["run", "run.yaml", "--out", out, "--resume", ...more]);
  expect(ended.code, ended.stderr).toBe(0);
  return ended;
}

/** When the log holds an event that is looked for and that was not there at the start. */
const logged = (wanted: (event: RunEvent) => boolean) => async (dir: string) => {
  const count = () => (runExists(dir) ? readEvents(dir).filter(wanted).length : 0);
  const before = count();
  while (count() <= before) await sleep(5);
};

/** While a checkpoint of the stage is written: between the appearance of its hidden directory and its renaming. */
const writingCheckpoint = (stage: string) => async (dir: string) => {
  const checkpoints = join(dir, "checkpoints");
  while (!existsSync(checkpoints)) await sleep(1);
  await new Promise<void>((resolve) => {
    const watcher = watch(checkpoints, (_, name) => {
      if (!name?.startsWith(`.tmp-${stage}-`)) return;
      watcher.close();
      resolve();
    });
  });
};

/** While a stage is measured: its last checkpoint is there, its result is not. */
const measuring = (stage: string, lastStep: number) => async (dir: string) => {
  const path = join(dir, "checkpoints", `${stage}-${lastStep}`);
  while (!existsSync(path)) await sleep(2);
  await sleep(10);
};

test("killed in every phase, one after the other, a run ends as if never stopped", async () => {
  const moments: [string, (dir: string, child: ChildProcess) => Promise<void>][] = [
    ["at its first step", logged((event) => event.type === "metrics")],
    ["writing a checkpoint of sft", writingCheckpoint("sft")],
    ["in the middle of sft", logged((event) => event.type === "metrics" && event.stage === "sft" && event.step > 12)],
    ["measuring sft", measuring("sft", 24)],
    ["in grpo", logged((event) => event.type === "metrics" && event.stage === "grpo" && event.step > 4)],
    ["writing a checkpoint of grpo", writingCheckpoint("grpo")],
    ["measuring grpo", measuring("grpo", 12)],
  ];
  for (const [i, [phase, moment]] of moments.entries()) {
    // Results do not depend on threads either.
    const { signal, stderr } = await killInTime("phases", moment, ["--threads", String(1 + (i % 2))]);
    expect(signal, `${phase}: ended before it was killed\n${stderr}`).toBe("SIGKILL");
  }
  const last = await finish("phases", "--threads", "1");
  expect(last.stderr).toContain("going on after step 12 of grpo");
  const dir = join(reckon.cwd, "phases", "run");
  expectSame(dir, whole);
  const leftovers = [...readdirSync(dir), ...readdirSync(join(dir, "checkpoints"))].filter((name) =>
    name.startsWith("."),
  );
  expect(leftovers).toEqual([]);
});

test("killed at random moments, again and again", async () => {
  const rng = new Rng(20261121);
  // A run is there a moment before its log is.
  const sizeOf = (dir: string) => statSync(join(dir, "events.jsonl"), { throwIfNoEntry: false })?.size ?? 0;
  let killed = 0;
  for (let round = 0; round < 6; round++) {
    // By what it has logged, not by the clock: how fast it runs changes from one minute to the next.
    const [share, waitMs] = [0.9 * rng.uniform(), 40 * rng.uniform()];
    const moment = async (dir: string) => {
      while (sizeOf(dir) < share * sizeOf(whole)) await sleep(5);
      await sleep(waitMs);
    };
    if ((await killAt("random", moment, ["--threads", "1"])).signal === "SIGKILL") killed++;
  }
  expect(killed).toBeGreaterThan(0);
  await finish("random", "--threads", "1");
  expectSame(join(reckon.cwd, "random", "run"), whole);
});

test("the reference of a stage that began with another run's model survives a kill", async () => {
  const supervised = /^ {2}- \{ name: sft.*\n/m;
  const further = reckon.write(
    "further.yaml",
    recipe.replace(supervised, "").replace(/model: .*/, "model: { from: whole/run/final }"),
  );
  const start = (out: string) => ["run", further, "--out", out, "--resume", "--threads", "1"];
  expect((await reckon.run(start("further-whole"))).code).toBe(0);
  const child = reckon.start(start("further"));
  const ended = ending(child);
  await logged((event) => event.type === "metrics" && event.step > 4)(join(reckon.cwd, "further", "run"));
  child.kill("SIGKILL");
  expect((await ended).signal).toBe("SIGKILL");
  expect((await reckon.run(start("further"))).code).toBe(0);
  expectSame(join(reckon.cwd, "further", "run"), join(reckon.cwd, "further-whole", "run"));
});
