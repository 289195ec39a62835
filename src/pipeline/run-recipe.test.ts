import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { writeTinyModel } from "../../test/cli/tiny-model.ts";
import { type HubServer, type ServedRepository, serveHub } from "../../test/hub-server.ts";
import { CheckpointError, DataError } from "../base/errors.ts";
import type { RunEvent } from "../records/events.ts";
import { readRun } from "../runs/run-reader.ts";
import { openTask } from "./open-task.ts";
import { defineRecipe } from "./parse-recipe.ts";
import { runRecipe } from "./run-recipe.ts";

const root = mkdtempSync(join(tmpdir(), "reckon-runs-"));
const data = join(root, "data.jsonl");
const rows = ["one pen", "two red cars", "three old boats at sea", "four", "five loud green parrots", "six or so"];
const writeRows = (said: readonly string[]) =>
  writeFileSync(data, said.map((ask, i) => `${JSON.stringify({ ask, answer: `${i}` })}\n`).join(""));

const [first, second] = ["a".repeat(40), "b".repeat(40)];
const served: ServedRepository = { revisions: {} };
const files: Record<string, Buffer>[] = [];
let hub: HubServer;
beforeAll(async () => {
  for (const seed of [0, 1]) {
    const dir = join(root, `tiny-${seed}`);
    await writeTinyModel(dir, { seed });
    const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    files.push(Object.fromEntries(names.map((name) => [name, readFileSync(join(dir, name))])));
  }
  hub = await serveHub({ "models/org/tiny": served });
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("HF_HOME", join(root, "cache"));
  vi.stubEnv("HF_HUB_OFFLINE", "");
  served.revisions.main = { commit: first, files: files[0] };
  writeRows(rows);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  rmSync(root, { recursive: true });
});

const recipe = (model: object = {}) =>
  defineRecipe({
    name: "words",
    task: {
      kind: "words",
      data,
      layout: "columns",
      columns: { question: "ask", answer: "answer" },
      train: { rows: [1, 4] },
      test: { rows: [5, 6] },
      format: "hash",
      instruction: "",
      maxNewTokens: 3,
    },
    device: { threads: 1 },
    model: { from: "org/tiny@main", lora: { rank: 2 }, ...model },
    stages: [
      { kind: "sft", name: "sft", steps: 1, batchSize: 2, learningRate: 0.01 },
      {
        kind: "rl",
        name: "grpo",
        steps: 3,
        promptsPerStep: 1,
        group: 2,
        learningRate: 0.01,
        beta: 0.1,
        lengthProbe: 0,
      },
    ],
    checkpoints: { every: 1 },
  });

it("goes on with the model and the problems it began with, and with nothing else", async () => {
  const die = (event: RunEvent) => {
    if (event.type === "metrics" && event.stage === "grpo" && event.step === 2) throw new Error("died");
  };
  await expect(runRecipe(recipe(), { root, onEvent: die })).rejects.toThrow("died");
  const run = join(root, "words");
  expect(readRun(run).manifest).toMatchObject({ startModel: first, startCommit: first });
  const resume = () => runRecipe(recipe(), { root, resume: true });

  writeRows(["one pencil", ...rows.slice(1)]);
  const others = resume();
  await expect(others).rejects.toThrow(DataError);
  await expect(others).rejects.toThrow(/expected the problems it started with, sha256 \w{64}, from .*found others/);
  writeRows(rows);

  const left = join(run, "checkpoints", "sft-1");
  renameSync(left, join(root, "aside"));
  const gone = resume();
  await expect(gone).rejects.toThrow(CheckpointError);
  await expect(gone).rejects.toThrow(/grpo measures KL against the model as sft left it, .* at step 1, found none;/);
  renameSync(join(root, "aside"), left);

  // The branch goes on; the run does not.
  served.revisions.main = { commit: second, files: files[1] };
  served.revisions.old = { commit: first, files: files[0] };
  expect((await resume()).status).toBe("finished");
});

it("says that the hub was not asked, and how a model was understood", async () => {
  const config = JSON.parse(String(files[0]["config.json"]));
  const far = Buffer.from(JSON.stringify({ ...config, max_position_embeddings: 200_000 }));
  served.revisions.main = { commit: second, files: { ...files[0], "config.json": far } };
  const asked = await openTask(recipe());
  expect(asked.remarks).toContain("sequences up to 131072 tokens unless a longer context is asked for");
  expect(asked.remarks.join()).not.toMatch(/the hub/);
  expect((await openTask(recipe({ context: 64 }))).remarks.join()).not.toMatch(/sequences up to/);

  vi.stubEnv("HF_HUB_OFFLINE", "1");
  const notAsked =
    /^org\/tiny@main: the hub was not asked or did not answer; this is the copy fetched last, of commit b+$/;
  expect((await openTask(recipe())).remarks[0]).toMatch(notAsked);
  expect((await openTask(recipe(), { commit: second })).remarks.join()).not.toMatch(/the hub/);
});
