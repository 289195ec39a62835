import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError, DataError } from "../base/errors.ts";
import { AppendLog, readLog } from "./append-log.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-log-"));
const path = join(dir, "log.jsonl");
beforeEach(() => rmSync(path, { force: true }));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("AppendLog", () => {
  it("survives a kill at every byte of the last line", () => {
    const kept = `{"n":1}\n{"n":2,"t":"ü"}\n`;
    const last = Buffer.from(`{"n":3,"t":"ü\\n"}\n`);
    for (let bytes = 0; bytes <= last.length; bytes++) {
      const whole = bytes === last.length;
      writeFileSync(path, Buffer.concat([Buffer.from(kept), last.subarray(0, bytes)]));
      expect([...readLog(path)]).toHaveLength(whole ? 3 : 2);
      const log = new AppendLog(path);
      log.append({ n: 4 });
      log.close();
      expect(readFileSync(path, "utf8")).toBe(`${kept}${whole ? last : ""}{"n":4}\n`);
    }
  });

  it("cuts off a torn first line and one longer than its search window", () => {
    for (const torn of ['{"n":', `{"n":"${"x".repeat(300_000)}`]) {
      for (const before of ["", '{"n":0}\n']) {
        writeFileSync(path, before + torn);
        new AppendLog(path).close();
        expect(readFileSync(path, "utf8")).toBe(before);
      }
    }
  });

  it("writes nothing before flush and everything at close", () => {
    const log = new AppendLog(path);
    log.append({ n: 1 });
    expect(readFileSync(path, "utf8")).toBe("");
    log.flush();
    log.append({ n: 2 });
    expect([...readLog(path)]).toEqual([{ n: 1 }]);
    log.close();
    expect([...readLog(path)]).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it.skipIf(!existsSync("/dev/full"))("names the last good checkpoint when the disk is full, and keeps failing", () => {
    symlinkSync("/dev/full", path);
    const log = new AppendLog(path, () => "runs/a/checkpoints/rl-40");
    log.append({ n: 1 });
    expect(() => log.flush()).toThrow(CheckpointError);
    expect(() => log.flush()).toThrow(
      /^disk full while writing .* \(8 bytes\).* last good checkpoint is runs\/a\/checkpoints\/rl-40$/,
    );
    expect(() => log.close()).toThrow("disk full");
  });
});

describe("readLog", () => {
  it("joins lines across reads, and takes a missing log for an empty one", () => {
    const long = Array.from({ length: 5 }, (_, n) => ({ n, text: "ü".repeat(400_000 + n) }));
    writeFileSync(path, long.map((record) => `${JSON.stringify(record)}\n`).join(""));
    expect([...readLog(path)]).toEqual(long);
    expect([...readLog(join(dir, "missing"))]).toEqual([]);
  });

  it("names the line that is not JSON", () => {
    writeFileSync(path, '{"n":1}\n\0\0\0\n{"n":2}\n');
    expect(() => [...readLog(path)]).toThrow(DataError);
    expect(() => [...readLog(path)]).toThrow(`${path}:2: expected one JSON object`);
  });
});
