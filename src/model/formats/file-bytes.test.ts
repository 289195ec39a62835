import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
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

it("a file larger than one buffer of Node 20 may be is read in parts", () => {
  const folder = mkdtempSync(join(tmpdir(), "reckon-file-"));
  const path = join(folder, "large");
  // A hole, which takes no place on a disk.
  const place = 2 ** 32 + 10;
  const written = openSync(path, "w");
  ftruncateSync(written, place + 10);
  writeSync(written, Uint8Array.of(1, 2, 3), 0, 3, place);
  closeSync(written);
  const file = openFileBytes(path);
  expect(file.size).toBe(place + 10);
  expect([...file.read(place - 1, place + 4)]).toEqual([0, 1, 2, 3, 0]);
  file.release(0, place);
  file.close();
  rmSync(folder, { recursive: true });
});
