import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import { renderReport } from "./page.ts";
import { writeReport } from "./write.ts";

test("the page is written whole, over an older one, and nothing else is left", async () => {
  const folder = await mkdtemp(join(tmpdir(), "reckon-report-"));
  try {
    const path = join(folder, "report.html");
    const input = { name: "a", version: "0.1.0", recipe: {}, events: [], attempts: [] };
    writeReport(path, input);
    writeReport(path, { ...input, name: "b" });
    expect(await readFile(path, "utf8")).toBe(renderReport({ ...input, name: "b" }));
    expect(await readdir(folder)).toEqual(["report.html"]);
    expect(() => writeReport(join(folder, "none", "report.html"), input)).toThrow(DataError);
    expect(() => writeReport(folder, input)).toThrow(/expected a file.*found a directory/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
