import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HubServer, serveHub, settingsFor } from "../../../test/hub-server.ts";
import { DataError } from "../errors.ts";
import { globPattern, resolveDataset } from "./dataset.ts";
import type { HubSettings } from "./settings.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-hub-data-"));
let hub: HubServer;
let settings: HubSettings;
beforeAll(async () => {
  const content = (text: string) => Buffer.from(text);
  const files = {
    "README.md": content("#"),
    "main/train-0.parquet": content("PAR1 train"),
    "main/test-0.parquet": content("PAR1 test"),
    "top.parquet": content("PAR1"),
  };
  hub = await serveHub({ "datasets/openai/gsm8k": { revisions: { main: { commit: "c".repeat(40), files } } } });
  settings = settingsFor(hub, root);
});
afterAll(async () => {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

describe("resolveDataset", () => {
  it("fetches the files that match, and gives them again offline", async () => {
    const directory = join(root, "datasets--openai--gsm8k", "snapshots", "c".repeat(40));
    const trained = await resolveDataset("openai/gsm8k", { files: ["main/train*"], settings });
    expect(trained).toEqual({ directory, commit: "c".repeat(40), files: ["main/train-0.parquet"] });
    const all = await resolveDataset("openai/gsm8k@main", { files: ["**/*.parquet"], settings });
    expect(all.files).toEqual(["main/test-0.parquet", "main/train-0.parquet", "top.parquet"]);
    expect(hub.requests.some(({ path }) => path.endsWith("README.md"))).toBe(false);
    const offline = { ...settings, offline: true };
    expect(await resolveDataset("openai/gsm8k", { files: ["main/*"], settings: offline })).toEqual({
      ...all,
      files: ["main/test-0.parquet", "main/train-0.parquet"],
    });
    await expect(resolveDataset("openai/gsm8k", { files: ["*.md"], settings: offline })).rejects.toThrow(
      "no file matches *.md in the cache",
    );
  });

  it("says what is wrong with an id or a pattern", async () => {
    await expect(resolveDataset("gsm8k", { files: ["*"], settings })).rejects.toThrow(DataError);
    await expect(resolveDataset("openai/none", { files: ["*"], settings })).rejects.toThrow("no data set openai/none");
    await expect(resolveDataset("openai/gsm8k", { files: ["*.csv"], settings })).rejects.toThrow(
      "data set openai/gsm8k: no file matches *.csv in revision main; it has README.md, main/test-0.parquet",
    );
  });
});

describe("globPattern", () => {
  it.each([
    ["**/*.parquet", ["a.parquet", "x/y/a.parquet"], ["a.parquet.txt", "aparquet"]],
    ["*.json", ["a.json"], ["x/a.json"]],
    ["data/**", ["data/a", "data/x/a"], ["data", "other/a"]],
    ["a?c", ["abc"], ["ac", "a/c"]],
    ["main/[x]+", ["main/[x]+"], ["main/x"]],
  ])("%s", (glob, matching, others) => {
    for (const path of matching) expect(globPattern(glob).test(path), path).toBe(true);
    for (const path of others) expect(globPattern(glob).test(path), path).toBe(false);
  });
});
