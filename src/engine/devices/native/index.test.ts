import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { DeviceError } from "../../../base/errors.ts";
import { loadAddon } from "./addon.ts";
import { openNativeDevice } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "reckon-open-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The addon with some of its functions replaced. */
function addonWith(name: string, changes: string): string {
  const path = join(folder, `${name}.cjs`);
  const { path: real } = loadAddon();
  writeFileSync(path, `module.exports = { ...require(${JSON.stringify(real)}), ${changes} };`);
  return path;
}

it("does not open on a processor that gets products wrong, and says what to do", () => {
  const wrong = addonWith("wrong", 'wrongProduct: () => "linear"');
  const amx = "levels: () => [{ level: 0, name: 'amx', available: true, reason: '', fastBf16: true }]";
  const wrongAmx = addonWith("amx", `wrongProduct: () => "linear", ${amx}`);
  const options = { threads: 1, precision: "f32", addonPath: wrong } as const;
  expect(() => openNativeDevice({ ...options, isa: "portable" })).toThrow(DeviceError);
  expect(() => openNativeDevice({ ...options, isa: "portable" })).toThrow(
    /linear comes out wrong with the portable instructions of this processor; rebuild the addon with npm run build/,
  );
  expect(() => openNativeDevice({ ...options, addonPath: wrongAmx })).toThrow(
    /linear comes out wrong with the amx instructions of this processor; set RECKON_ISA=avx512 and report this/,
  );
  openNativeDevice({ ...options, addonPath: addonWith("right", "") }).close();
});

it("refuses addresses outside its allocations and streams longer than their array", () => {
  const found = loadAddon();
  if (found.state !== "ready") throw new Error("build the addon");
  const { addon } = found;
  const portable = addon.levels().find(({ name }) => name === "portable");
  const handle = addon.open(portable?.level ?? 0, 1, 0);
  const address = addon.allocate(handle, 16);
  addon.write(handle, address + 8, Float32Array.of(1, 2));
  const contents = new Float32Array(4);
  addon.read(handle, address, contents);
  expect(contents).toEqual(Float32Array.of(0, 0, 1, 2));
  expect(() => addon.read(handle, address + 4, contents)).toThrow(/not within an allocation/);
  expect(() => addon.write(handle, address - 4, contents)).toThrow(/not within an allocation/);
  expect(() => addon.read(handle, 0, contents)).toThrow(/not within an allocation/);
  expect(() => addon.run(handle, new Float64Array(2), 3)).toThrow(/a stream longer than its array/);
  addon.close(handle);
});

it("probes every instruction set from several threads at once", () => {
  const found = loadAddon();
  const program = `
    const { isMainThread, Worker } = require("node:worker_threads");
    const addon = require(${JSON.stringify(found.path)});
    const probes = () => addon.levels().map(({ level }) => addon.probe(level)).join();
    const first = probes();
    for (let i = 0; i < 300; i++) if (probes() !== first) process.exit(3);
    if (isMainThread) for (let i = 0; i < 4; i++) new Worker(__filename);
    else console.log(first);
  `;
  const path = join(folder, "probing.cjs");
  writeFileSync(path, program);
  const { status, signal, stdout } = spawnSync(process.execPath, [path], { encoding: "utf8" });
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  expect(new Set(stdout.trim().split("\n")).size).toBe(1);
});
