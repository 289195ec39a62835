import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { mapFile } from "./mapped-file.ts";

const folder = mkdtempSync(join(tmpdir(), "reckon-mapped-"));
afterAll(() => rmSync(folder, { recursive: true }));

function mapped(path: string, size: number) {
  const descriptor = openSync(path, "r");
  const file = mapFile(descriptor, size);
  closeSync(descriptor);
  return file;
}

const written = (name: string, length: number): string => {
  const path = join(folder, name);
  writeFileSync(
    path,
    Uint8Array.from({ length }, (_, i) => (i * 31) & 255),
  );
  return path;
};

describe("mapFile", () => {
  it("shows the file's bytes, before and after its memory was given back", () => {
    const path = written("bytes", 20_001);
    const file = mapped(path, 20_001)!;
    const expected = readFileSync(path);
    expect(Buffer.from(file.bytes).equals(expected)).toBe(true);
    file.release(1, 19_999);
    file.release(5, 6);
    expect(Buffer.from(file.bytes).equals(expected)).toBe(true);
    file.close();
  });

  it("keeps writes to itself, and is empty when closed", () => {
    const path = written("private", 5000);
    const file = mapped(path, 5000)!;
    file.bytes.fill(7);
    expect(readFileSync(path)[1]).toBe(31);
    file.close();
    expect(file.bytes.length).toBe(0);
    expect(() => file.release(0, 1)).toThrow(/not within the mapped file/);
  });

  it("gives memory back to the system, whole pages of it", () => {
    const pages = 2 ** 18;
    const file = mapped(written("pages", 3 * pages), 3 * pages)!;
    // A page that was written to is this process's own until it is given back; the next read brings the file's.
    file.bytes.fill(7);
    file.release(pages - 1, 2 * pages + 1);
    const values = [0, pages - 1, pages, 2 * pages - 1, 2 * pages].map((i) => file.bytes[i]);
    expect(values).toEqual([7, 7, (pages * 31) & 255, ((2 * pages - 1) * 31) & 255, 7]);
    file.close();
  });

  it("is not possible for an empty file", () => {
    expect(mapped(written("empty", 0), 0)).toBeNull();
  });
});
