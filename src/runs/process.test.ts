import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import { createRun, openRun } from "./create-run.ts";
import { acquireLock, describeProcess, type LockOwner, liveness } from "./lock.ts";
import { readAttempts, readEvents, readRun } from "./run-reader.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-process-"));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

// Node 20 runs no TypeScript: the store is compiled once for the child processes.
let store: string;
beforeAll(async () => {
  const entry = join(root, "entry.ts");
  const exports = ["create-run.ts", "run-reader.ts"].map((name) => fileURLToPath(new URL(name, import.meta.url)));
  writeFileSync(entry, exports.map((path) => `export * from ${JSON.stringify(path)};\n`).join(""));
  await build({
    configFile: false,
    logLevel: "silent",
    build: { ssr: entry, outDir: join(root, "store"), rollupOptions: { output: { entryFileNames: "store.mjs" } } },
    ssr: { noExternal: true },
  });
  store = pathToFileURL(join(root, "store", "store.mjs")).href;
});

/** Runs a script that may use the store as `store`, until it prints a line. */
async function child(script: string): Promise<ChildProcess> {
  const source = `const store = await import(${JSON.stringify(store)});\n${script}`;
  const started = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(started);
  // Closed, not exited: what it printed has been heard by then.
  const died = once(started, "close").then(([code]) => Promise.reject(new Error(`the child exited with ${code}`)));
  await Promise.race([once(started.stdout!, "data"), died]);
  died.catch(() => {});
  return started;
}

async function gone(process: ChildProcess): Promise<void> {
  if (process.exitCode === null && process.signalCode === null) await once(process, "exit");
}

async function killHard(process: ChildProcess): Promise<void> {
  process.kill("SIGKILL");
  await gone(process);
}

describe("lock", () => {
  const dir = join(root, "locked");
  const holding = `const run = store.openRun(${JSON.stringify(dir)}); console.log("held"); setInterval(() => {}, 1000);`;

  it("is held while its process lives and taken over after kill -9", async () => {
    createRun({ root, name: "locked", recipe: {}, version: "1", seed: 1 }).close();
    const holder = await child(holding);
    expect(() => openRun(dir)).toThrow(ConfigError);
    expect(() => openRun(dir)).toThrow(
      `${dir}: this run directory is in use by process ${holder.pid} on ${hostname()}`,
    );
    expect(readRun(dir).owner?.pid).toBe(holder.pid);
    await killHard(holder);
    expect(readdirSync(dir)).toContain("lock");
    expect(readRun(dir).owner).toBeNull();
    openRun(dir).close();
    expect(readdirSync(dir)).not.toContain("lock");
  });

  it("is given back when the process exits without closing the run", async () => {
    const leaver = await child(`${holding} setTimeout(() => process.exit(0), 50);`);
    await gone(leaver);
    expect(readdirSync(dir)).not.toContain("lock");
  });

  it("goes to one of two that want it at once", async () => {
    const stale = await child(holding);
    await killHard(stale);
    const script = `try { store.openRun(${JSON.stringify(dir)}); console.log("won"); setInterval(() => {}, 1000); } catch (error) { console.log("lost: " + error.name); }`;
    const said = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const one = spawn(process.execPath, [
          "--input-type=module",
          "-e",
          `const store = await import(${JSON.stringify(store)});\n${script}`,
        ]);
        children.push(one);
        return String((await once(one.stdout, "data"))[0]).trim();
      }),
    );
    expect(said.sort()).toEqual(["lost: ConfigError", "lost: ConfigError", "lost: ConfigError", "won"]);
  });

  it("tells a process from one that was given its number later, and from one it cannot see", () => {
    const here = describeProcess(process.pid, 0);
    expect(liveness(here)).toBe("alive");
    expect(liveness({ ...here, pid: 999_999_999 })).toBe("dead");
    const elsewhere: LockOwner = { ...here, host: "elsewhere", bootId: "other" };
    expect(liveness(elsewhere)).toBe("unknown");
    if (here.startTicks !== null) {
      expect(liveness({ ...here, startTicks: here.startTicks - 1 })).toBe("dead");
      expect(liveness({ ...here, bootId: "before the reboot" })).toBe("dead");
      expect(liveness({ ...here, pidNamespace: "pid:[1]" })).toBe("unknown");
    }
    const claimed = join(root, "claimed");
    mkdirSync(claimed);
    writeFileSync(join(claimed, "lock"), JSON.stringify(elsewhere));
    expect(() => acquireLock(claimed)).toThrow(`if it no longer runs, delete ${join(claimed, "lock")}`);
    writeFileSync(join(claimed, "lock"), "torn");
    const gone = JSON.stringify({ ...here, pid: 999_999_999 });
    writeFileSync(join(claimed, "lock.takeover"), gone);
    writeFileSync(join(claimed, ".lock-999999999-abcdef01"), gone);
    acquireLock(claimed).release();
    expect(readdirSync(claimed)).toEqual([]);
  });
});

describe("a run killed at random moments", () => {
  // Each start goes on after its last checkpoint, as a trainer does; loss names the step, so a lost or doubled one shows.
  const steps = 60;
  const trainer = (dir: string) => `
    const { writeFileSync, readFileSync } = await import("node:fs");
    const run = store.openRun(${JSON.stringify(dir)});
    const { events, lastCheckpoints } = store.readRun(run.dir);
    const last = lastCheckpoints.get("rl");
    const from = last ? Number(readFileSync(last.path + "/state", "utf8")) : 0;
    if (from > 0) run.resumeFrom("rl", from);
    else if (events.length > 0) run.resumeFrom("rl", 0);
    console.log("started");
    run.append({ type: "stage-start", time: 1, stage: "rl", kind: "rl", totalSteps: ${steps} });
    for (let step = from + 1; step <= ${steps}; step++) {
      run.append({ type: "metrics", time: 1, stage: "rl", step, values: { loss: step, pad: 1 / 3 } });
      run.appendAttempts([0, 1].map((i) => ({ stage: "rl", step, problem: step + "." + i })));
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (step % 4 === 0) await run.saveCheckpoint({ stage: "rl", step, score: -Math.abs(step - 20), write: (into) => writeFileSync(into + "/state", String(step)) });
    }
    run.append({ type: "run-end", time: 1, seconds: 1 });
    run.close();`;

  it("ends as if it had never stopped", async () => {
    const rng = new Rng(5);
    const dir = join(root, "killed");
    createRun({ root, name: "killed", recipe: {}, version: "1", seed: 1 }).close();
    for (let kills = 0; kills < 6; kills++) {
      const one = await child(trainer(dir));
      await new Promise((resolve) => setTimeout(resolve, rng.integer(0, 150)));
      await killHard(one);
      // A reader in between sees a whole prefix: steps without a gap.
      const seen = readEvents(dir).filter((event) => event.type === "metrics");
      expect(seen.map((event) => event.step)).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
      if (readRun(dir).finished) break;
    }
    const finisher = await child(trainer(dir));
    await gone(finisher);
    const run = readRun(dir);
    expect(run.finished).toBe(true);
    const all = Array.from({ length: steps }, (_, i) => i + 1);
    expect(run.events.filter((event) => event.type === "metrics").map((event) => event.values.loss)).toEqual(all);
    expect([...readAttempts(dir)].map((one) => one.problem)).toEqual(all.flatMap((step) => [`${step}.0`, `${step}.1`]));
    expect(readdirSync(join(dir, "checkpoints")).sort()).toEqual(["rl-20", "rl-56", "rl-60"]);
    expect(readFileSync(join(dir, "metrics.csv"), "utf8").trim().split("\n")).toHaveLength(steps + 1);
  });
});
