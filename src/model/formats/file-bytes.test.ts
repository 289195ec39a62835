import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import { openFileBytes } from "./file-bytes.ts";

it("a file that is cut short after it was opened is an error, not the end of the process", () => {
  const folder = mkdtempSync(join(tmpdir(), "reckon-file-"));
  const path = join(folder, "cut");
  writeFileSync(path, Buffer.alloc(100_000, 5));
  const file = openFileBytes(path);
  expect([...file.read(99_998, 100_000)]).toEqual([5, 5]);
  truncateSync(path, 10);
  expect(() => file.read(50_000, 60_000)).toThrow(CheckpointError);
  expect(() => file.read(50_000, 60_000)).toThrow(/cut: expected 10000 bytes at 50000, got 0: truncated/);
  file.close();
  rmSync(folder, { recursive: true });
});
