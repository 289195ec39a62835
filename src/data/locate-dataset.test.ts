import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HubServer, serveHub } from "../../test/hub-server.ts";
import type { HubOptions } from "../base/hub/snapshot.ts";
import { locateDataset } from "./locate-dataset.ts";
import { readProblems } from "./read-problems.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-locate-"));
let server: HubServer;
let hub: HubOptions;
beforeAll(async () => {
  const file = readFileSync(join(import.meta.dirname, "../../test/goldens/word-problems.parquet"));
  const files = {
    "README.md": Buffer.from("#"),
    "main/train-00000-of-00001.parquet": file,
    "main/test-00000-of-00001.parquet": file,
    "socratic/train-00000-of-00001.parquet": Buffer.from("another"),
  };
  server = await serveHub({ "datasets/openai/gsm8k": { revisions: { main: { commit: "c".repeat(40), files } } } });
  const { endpoint } = server;
  hub = { settings: { endpoint, cache: root, token: null, offline: false, timeoutMs: 120_000, retryMs: 1 } };
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

test("problems of a hub's data set: only the split that is wanted is fetched", async () => {
  const { problems, setAside } = await readProblems({ path: "openai/gsm8k", layout: "gsm8k", split: "test", hub });
  expect(problems.map(({ id, answer, solution }) => [id, answer, solution])).toEqual([
    ["test-00000-of-00001/1", "2", "1+1 = 2"],
    ["test-00000-of-00001/2", "-3", undefined],
    ["test-00000-of-00001/3", "3.5", "7/2 = 3.5"],
  ]);
  expect(setAside).toEqual([{ place: "test-00000-of-00001.parquet, row 4", reason: "answer is empty" }]);
  expect(server.requests.some(({ path }) => path.includes("train-"))).toBe(false);
});

test("a file or directory of a data set can be named", async () => {
  const read = (file: string) =>
    readProblems({ path: "openai/gsm8k", layout: "gsm8k", split: "train", file, hub }).then(
      (set) => set.problems.length,
    );
  expect(await read("main")).toBe(3);
  expect(await read("main/train-00000-of-00001.parquet")).toBe(3);
  await expect(read("socratic")).rejects.toThrow(/train-00000-of-00001\.parquet: expected a whole parquet file/);
  await expect(read("other")).rejects.toThrow(/openai\/gsm8k: no file matches other/);
});

test("what is on this machine is not asked for, and what is no id is left as it is", async () => {
  const before = server.requests.length;
  expect(await locateDataset("src/data", { names: ["train"], hub })).toBe("src/data");
  expect(await locateDataset("../gone/data", { names: ["train"], hub })).toBe("../gone/data");
  expect(server.requests).toHaveLength(before);
  await expect(locateDataset("openai/none", { names: ["train"], hub })).rejects.toThrow(/no data set openai\/none/);
});
