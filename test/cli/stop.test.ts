import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readEvents, runExists } from "../../src/runs/run-reader.ts";
import { ending, InstalledReckon, lastLine } from "./reckon.ts";

const recipe = `
name: long
task: { maxDigits: 2, maxDepth: 1, operators: ["+"], scratchpad: false, maxNewTokens: 8 }
device: { threads: 1 }
model: { size: tiny, layers: 1 }
stages:
  - { name: sft, kind: pretrain, workedSolutions: 60, steps: 300, batchSize: 8, learningRate: 0.001 }
evaluation: { problems: 20 }
checkpoints: { every: 100 }
`;

let reckon: InstalledReckon;
beforeAll(() => {
  reckon = new InstalledReckon();
  reckon.write("long.yaml", recipe);
});
afterAll(() => reckon.remove());

const steps = (dir: string) => readEvents(dir).filter(({ type }) => type === "metrics").length;
const weights = (out: string) => readFileSync(join(reckon.cwd, out, "long", "final", "model.safetensors"));

/** Starts the recipe and waits until it is well into its steps. */
async function startLong(
  out: string,
  ...more: string[]
): Promise<{ child: ChildProcess; ended: ReturnType<typeof ending> }> {
  const child = reckon.start(["run", "long.yaml", "--out", out, ...more]);
  const ended = ending(child);
  const dir = join(reckon.cwd, out, "long");
  while (!runExists(dir) || steps(dir) < 25) await sleep(10);
  return { child, ended };
}

test("Ctrl-C saves a checkpoint, says how to go on, and what it says goes on bit for bit", async () => {
  const { child, ended } = await startLong("stopped", "--set", "stages.sft.batchSize=9", "--overwrite", "--json");
  child.kill("SIGINT");
  const stopped = await ended;
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain("stopping: saving a checkpoint first");
  const command = "npx reckon run long.yaml --out stopped --set stages.sft.batchSize=9 --json --resume";
  expect(stopped.stderr).toContain(`go on with\n  ${command}\n`);
  expect(lastLine(stopped)).toEqual({ run: "stopped/long", stages: [], resume: command });
  const done = steps(join(reckon.cwd, "stopped/long"));
  expect(done).toBeLessThan(300);
  expect(existsSync(join(reckon.cwd, `stopped/long/checkpoints/sft-${done}`))).toBe(true);
  expect(existsSync(join(reckon.cwd, "stopped/long/report.html"))).toBe(true);

  const resumed = await reckon.run(command.split(" ").slice(2));
  expect(resumed.stderr).toContain(`going on after step ${done} of sft`);
  expect(resumed.code).toBe(0);
  await reckon.run(["run", "long.yaml", "--out", "whole", "--set", "stages.sft.batchSize=9"]);
  expect(weights("stopped").equals(weights("whole"))).toBe(true);
});

test("a second Ctrl-C exits at once; nothing that was saved is lost", async () => {
  const { child, ended } = await startLong("impatient", "--set", "checkpoints.every=20", "--json");
  child.kill("SIGTERM");
  child.kill("SIGINT");
  const stopped = await ended;
  expect(stopped.code).toBe(130);
  expect(lastLine(stopped)).toMatchObject({ error: { name: "Stopped" }, resume: expect.stringContaining("--resume") });
  const resumed = await reckon.run([
    "run",
    "long.yaml",
    "--out",
    "impatient",
    "--set",
    "checkpoints.every=20",
    "--resume",
  ]);
  expect(resumed.stderr).toMatch(/going on after step \d+ of sft/);
  expect(resumed.code).toBe(0);
});

test("a run directory in use by a live process is left alone", async () => {
  const { child, ended } = await startLong("busy", "--set", "stages.sft.steps=1000000");
  for (const flags of [[], ["--resume"], ["--overwrite"]]) {
    const rival = await reckon.run([
      "run",
      "long.yaml",
      "--out",
      "busy",
      "--set",
      "stages.sft.steps=1000000",
      ...flags,
      "--json",
    ]);
    expect(rival.code).toBe(1);
    expect(rival.stderr).toMatch(new RegExp(`in use by process ${child.pid} .* choose another --out`));
    expect(lastLine(rival).error.name).toBe("ConfigError");
  }
  child.kill("SIGINT");
  expect((await ended).code).toBe(130);
  const kept = steps(join(reckon.cwd, "busy/long"));
  expect(existsSync(join(reckon.cwd, `busy/long/checkpoints/sft-${kept}`))).toBe(true);
});
