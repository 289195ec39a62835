import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderReport } from "./page.ts";
import { writeReport } from "./write.ts";

test("the page is written whole, over an older one, and nothing else is left", async () => {
  const folder = await mkdtemp(join(tmpdir(), "reckon-report-"));
  try {
    const path = join(folder, "report.html");
    const input = { name: "a", version: "0.1.0", recipe: {}, events: [], attempts: [] };
    await writeReport(path, input);
    await writeReport(path, { ...input, name: "b" });
    expect(await readFile(path, "utf8")).toBe(renderReport({ ...input, name: "b" }));
    expect(await readdir(folder)).toEqual(["report.html"]);
    await expect(writeReport(join(folder, "none", "report.html"), input)).rejects.toThrow("ENOENT");
  } finally {
    await rm(folder, { recursive: true });
  }
});
