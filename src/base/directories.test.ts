import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeDirectories } from "./directories.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "reckon-directories-"))));
afterEach(() => rmSync(root, { recursive: true }));

test("missing directories are made, those that are there stay", () => {
  makeDirectories(join(root, "a", "b", "c"));
  expect(statSync(join(root, "a/b/c")).isDirectory()).toBe(true);
  makeDirectories(join(root, "a", "b"));
});

test("what is in the way is said at once", () => {
  writeFileSync(join(root, "file"), "");
  expect(() => makeDirectories(join(root, "file", "a", "b"))).toThrow(/ENOTDIR/);
});

test.skipIf(process.platform !== "linux")("under /proc it ends in an error, where recursive mkdir never ends", () => {
  expect(() => makeDirectories("/proc/reckon/runs/a")).toThrow(/ENOENT/);
});
