import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { fileIdentity } from "./file-identity.ts";

const dir = mkdtempSync(join(tmpdir(), "identity-"));
afterAll(() => rmSync(dir, { recursive: true }));

function written(name: string, content: Uint8Array | string): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}

it("is that of the content, not of the path, and of the files in their order", () => {
  const [a, b, c] = [written("a", "one"), written("b", "one"), written("c", "two")];
  expect(fileIdentity([a])).toBe(fileIdentity([b]));
  expect(fileIdentity([a])).not.toBe(fileIdentity([c]));
  expect(fileIdentity([a, c])).not.toBe(fileIdentity([c, a]));
  expect(fileIdentity([written("e", "onetwo")])).not.toBe(fileIdentity([a, c]));
});

it("sees the beginning, the end and the length of a large file", () => {
  const content = new Uint8Array(20_000_000);
  const before = fileIdentity([written("large", content)]);
  content[19_999_999] = 1;
  expect(fileIdentity([written("end", content)])).not.toBe(before);
  content[19_999_999] = 0;
  content[0] = 1;
  expect(fileIdentity([written("begin", content)])).not.toBe(before);
  expect(fileIdentity([written("longer", new Uint8Array(20_000_001))])).not.toBe(before);
});
