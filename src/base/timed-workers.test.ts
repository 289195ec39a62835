import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { TimedWorkers, type TimedWorkersOptions } from "./timed-workers.ts";

/** A thread that runs the JavaScript it is sent and answers with its value. It tells its number, so that on Linux it is processor time that limits it. */
const evaluator = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { workerData } from "node:worker_threads";
    const { port } = workerData;
    port.on("message", (code) => port.postMessage({ kind: "done", result: (0, eval)(code) }));
    const { readlinkSync } = process.getBuiltinModule("node:fs");
    const thread = process.platform === "linux" ? Number(readlinkSync("/proc/thread-self").split("/").at(-1)) : undefined;
    port.postMessage({ kind: "ready", thread });`)}`,
);

const open: TimedWorkers<string, unknown>[] = [];
function startWorkers(options: Partial<TimedWorkersOptions> = {}): TimedWorkers<string, unknown> {
  const workers = new TimedWorkers<string, unknown>({ url: evaluator, threads: 1, timeoutMs: 2000, ...options });
  open.push(workers);
  return workers;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((workers) => workers.close()));
});

test("tasks are done in order, by the same thread; one that hangs, throws, exits or fills its memory fails alone", async () => {
  const workers = startWorkers({ heapMb: 32 });
  const outcomes = await Promise.all(
    [
      "globalThis.count = 1",
      "++globalThis.count",
      "for (;;);",
      "globalThis.count",
      "(() => { throw new Error('gone wrong') })()",
      "7 * 6",
      "process.exit(3)",
      "const kept = []; for (;;) kept.push(new Array(1e5).fill(1.5))",
      "'still here'",
    ].map((code) => workers.run(code)),
  );
  expect(outcomes).toEqual([
    { kind: "done", result: 1 },
    { kind: "done", result: 2 },
    { kind: "failed", reason: "over the time limit of 2 s" },
    { kind: "done", result: undefined },
    { kind: "failed", reason: "gone wrong" },
    { kind: "done", result: 42 },
    { kind: "failed", reason: "its thread ended with code 3" },
    { kind: "failed", reason: expect.stringMatching(/memory|time limit/) },
    { kind: "done", result: "still here" },
  ]);
});

test("a result that came while the caller was busy counts, however late it is seen", async () => {
  const workers = startWorkers({ timeoutMs: 1000 });
  await workers.run("0");
  const result = workers.run("'done'");
  // As kernels do, longer than the limit.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
  expect(await result).toEqual({ kind: "done", result: "done" });
});

test.skipIf(process.platform !== "linux")(
  "on Linux, processor time is what is limited, and the clock ten times as long",
  async () => {
    const workers = startWorkers({ timeoutMs: 300 });
    const wait = (ms: number) => `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${ms})`;
    expect(await workers.run(wait(600))).toEqual({ kind: "done", result: "timed-out" });
    const began = performance.now();
    expect(await workers.run(wait(600_000))).toMatchObject({ kind: "failed" });
    expect(performance.now() - began).toBeGreaterThan(2999);
    expect(await workers.run("for (;;);")).toMatchObject({ kind: "failed" });
  },
);

test("several threads work at once", async () => {
  const meet = new SharedArrayBuffer(4);
  const both = new TimedWorkers<SharedArrayBuffer, number>({
    url: new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { workerData } from "node:worker_threads";
        workerData.port.on("message", (shared) => {
          const here = new Int32Array(shared);
          Atomics.add(here, 0, 1);
          Atomics.notify(here, 0);
          while (Atomics.load(here, 0) < 2) Atomics.wait(here, 0, 1);
          workerData.port.postMessage({ kind: "done", result: 2 });
        });
        workerData.port.postMessage({ kind: "ready" });`)}`,
    ),
    threads: 2,
    timeoutMs: 120_000,
  });
  // Each waits for the other: one thread alone would overrun.
  expect(await Promise.all([both.run(meet), both.run(meet)])).toEqual([
    { kind: "done", result: 2 },
    { kind: "done", result: 2 },
  ]);
  await both.close();
});

test("a thread that cannot start is an error for all who wait, not a failed task", async () => {
  const broken = startWorkers({ url: new URL("data:text/javascript,throw new Error('no such library')") });
  await expect(Promise.all([broken.run("1"), broken.run("2")])).rejects.toThrow(
    /could not be started: no such library/,
  );
  const silent = startWorkers({ url: new URL("data:text/javascript,setInterval(() => {}, 1e6)"), startMs: 200 });
  await expect(silent.run("1")).rejects.toThrow(/was not ready within 0.2 s/);
});

test("closing rejects what is under way and what comes after", async () => {
  const workers = startWorkers({ timeoutMs: 60_000 });
  await workers.run("0");
  const pending = expect(workers.run("for (;;);")).rejects.toThrow(/closed/);
  await workers.close();
  await pending;
  await expect(workers.run("1")).rejects.toThrow(/closed/);
});

test.each(["await workers.close();", ""])("a process ends when its tasks are done (last line: `%s`)", async (close) => {
  const module = join(import.meta.dirname, "timed-workers.ts");
  const program = `
    import { TimedWorkers } from ${JSON.stringify(module)};
    const workers = new TimedWorkers({ url: new URL(${JSON.stringify(evaluator.href)}), threads: 1, timeoutMs: 60_000 });
    console.log((await workers.run("6 * 7")).result);
    ${close}`;
  const loader = join(import.meta.dirname, "../../test/typescript-threads.mjs");
  const args = ["--import", loader, "--input-type=module", "-e", program];
  const env = { ...process.env, VITEST: undefined };
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 600_000, env });
  expect(stdout).toBe("42\n");
});
