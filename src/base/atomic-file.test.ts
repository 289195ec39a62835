import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { asidePath, explainWriteFailure, replaceFile, writeFileAtomic } from "./atomic-file.ts";
import { CheckpointError, DataError } from "./errors.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-atomic-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, "file");

describe("writeFileAtomic", () => {
  it("writes text, bytes and chunks", () => {
    writeFileAtomic(path, "ü");
    expect(readFileSync(path)).toEqual(Buffer.from("c3bc", "hex"));
    writeFileAtomic(path, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
  });

  it("keeps the old file and leaves nothing aside when the content fails half-way", () => {
    writeFileAtomic(path, "old");
    function* chunks() {
      yield Buffer.from("new");
      throw new Error("no more");
    }
    expect(() => writeFileAtomic(path, chunks())).toThrow("no more");
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(dir)).toEqual(["file"]);
  });

  it.skipIf(!existsSync("/dev/full"))("says what to do when the disk is full", () => {
    writeFileSync(path, "old");
    const aside = join(dir, "aside");
    symlinkSync("/dev/full", aside);
    let failure: unknown;
    try {
      writeFileAtomic(path, "12345", { aside, lastGood: "runs/a/checkpoints/rl-40" });
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(CheckpointError);
    expect((failure as Error).message).toBe(
      `disk full while writing ${path} (5 bytes); free space or choose another --out; the last good checkpoint is runs/a/checkpoints/rl-40`,
    );
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(dir)).toEqual(["file"]);
  });

  it.each([
    ["a directory", dir, /expected a file.*found a directory/],
    ["a device", "/dev/null", /found a device/],
    ["a path in no directory", join(dir, "missing", "file"), /missing is none; make it first/],
  ])("never replaces %s", (_, target, text) => {
    expect(() => writeFileAtomic(target, "x")).toThrow(text);
    expect(() => writeFileAtomic(target, "x")).toThrow(DataError);
  });

  it("passes other errors on", () => {
    const unrelated = new RangeError("x");
    expect(explainWriteFailure(unrelated, { path, bytes: 1 })).toBe(unrelated);
    expect(explainWriteFailure(null, { path, bytes: 1 })).toBeNull();
  });

  it("never gives two writers the same place aside", () => {
    const names = Array.from({ length: 100 }, () => asidePath(path));
    expect(new Set(names).size).toBe(100);
    expect(names.every((name) => name.startsWith(join(dir, ".tmp-file-")))).toBe(true);
  });
});

describe("replaceFile", () => {
  it("gives what was done, once all of it is in place", async () => {
    writeFileAtomic(path, "old");
    const done = await replaceFile(path, async (write) => {
      write(Buffer.from("n"));
      expect(readFileSync(path, "utf8")).toBe("old");
      write(Buffer.from("ew"));
      return 2;
    });
    expect(done).toBe(2);
    expect(readFileSync(path, "utf8")).toBe("new");
  });

  it("keeps the old file and leaves nothing aside when the content fails half-way", async () => {
    writeFileAtomic(path, "old");
    const before = readdirSync(dir);
    const failing = replaceFile(path, async (write) => {
      write(Buffer.from("new"));
      throw new Error("no more");
    });
    await expect(failing).rejects.toThrow("no more");
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(dir)).toEqual(before);
  });

  it.skipIf(!existsSync("/dev/null"))("replaces no device", async () => {
    await expect(replaceFile("/dev/null", async () => 1)).rejects.toThrow(/expected a file to replace/);
  });
});
