import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { loadAddon } from "./addon.ts";

/** Runs a script in a Node of its own, with `addon` loaded; what ends badly is a signal, a hang or a message. */
function run(script: string): { status: number | null; signal: string | null; output: string } {
  const { path } = loadAddon();
  const prelude = `const addon = require(${JSON.stringify(path)});
    const fill = (handle) => {
      const address = addon.allocate(handle, 4096);
      if (addon.run(handle, Float64Array.of(0, address, 1024, 3), 4) !== undefined) throw new Error("fill failed");
      const contents = new Float32Array(1024);
      addon.read(handle, address, contents);
      if (!contents.every((value) => value === 3)) throw new Error("fill did not fill");
    };
    `;
  const ran = spawnSync(process.execPath, ["-e", prelude + script], { encoding: "utf8", timeout: 600_000 });
  return { status: ran.status, signal: ran.signal, output: ran.stdout + ran.stderr };
}

const cleanly = { status: 0, signal: null };

describe("a process with a device", () => {
  it("ends by itself while the device's threads still wait", () => {
    expect(run("fill(addon.open(0, 4, 0));")).toEqual({ ...cleanly, output: "" });
  });

  it("ends at process.exit", () => {
    expect(run("fill(addon.open(0, 4, 0)); setInterval(() => {}, 1000); process.exit(0);")).toEqual({
      ...cleanly,
      output: "",
    });
  });

  it("opens devices in worker threads, at the same time, and outlives them", () => {
    const script = `
      const { Worker } = require("node:worker_threads");
      const body = ${"`"}\${"const addon = require(" + JSON.stringify(require.resolve(${JSON.stringify(loadAddon().path)})) + ");"}
        const fill = \${fill};
        const handle = addon.open(0, 2, 0);
        for (let i = 0; i < 1000; i++) fill(handle);
        require("node:worker_threads").parentPort.postMessage("done");
        setInterval(() => {}, 1000);${"`"};
      fill(addon.open(0, 2, 0));
      for (let i = 0; i < 2; i++) {
        const worker = new Worker(body, { eval: true });
        worker.on("error", (error) => { throw error; });
        worker.on("message", async () => { await worker.terminate(); console.log("done"); });
      }`;
    expect(run(script)).toEqual({ ...cleanly, output: "done\ndone\n" });
  });

  it("opens and closes many devices", () => {
    expect(run("for (let i = 0; i < 200; i++) { const h = addon.open(0, 3, 0); fill(h); addon.close(h); }")).toEqual({
      ...cleanly,
      output: "",
    });
  });

  it("refuses what is not an open device", () => {
    const script = `
      const closed = addon.open(0, 2, 0);
      addon.close(closed);
      for (const handle of [closed, undefined, {}, 7]) {
        try { addon.allocate(handle, 8); } catch (error) { console.log(error.message); }
      }`;
    expect(run(script)).toEqual({ ...cleanly, output: "not an open device\n".repeat(4) });
  });
});
