import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { loadModel, readModelManifest, saveModel } from "./checkpoint.ts";
import { mathFormer } from "./config.ts";
import { createPolicy } from "./policy.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-model-"));
afterAll(() => rmSync(dir, { recursive: true }));
const path = join(dir, "config.json");
const shape = { size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1 } as const;
const about = { tokenizer: "math", task: {} } as const;

async function save() {
  const policy = createPolicy(openReferenceDevice(), mathFormer(shape, 57), { seed: 4, trained: false });
  await saveModel(dir, policy, about);
  return policy;
}

/** Changes config.json as parsed. */
function edit(change: (manifest: { model: Record<string, unknown> } & Record<string, unknown>) => void) {
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  change(manifest);
  writeFileSync(path, JSON.stringify(manifest));
}

it("loads what it saved, and gives memory back when files do not fit each other", async () => {
  const policy = await save();
  const device = openReferenceDevice();
  const loaded = loadModel(device, dir, { trained: false });
  const [embedding] = loaded.policy.parameters.entries;
  const original = Float32Array.from(await policy.device.read(policy.parameters.get(embedding.name).buffer));
  expect([...(await device.read(embedding.buffer))]).toEqual([...original]);
  const { bytes } = device.memory();
  edit(({ model }) => Object.assign(model, { feedForward: 16 }));
  expect(() => loadModel(device, dir, { trained: true })).toThrow(/layers\.0\.up\.weight: expected F32 \[16,8\]/);
  expect(device.memory().bytes).toBe(bytes);
});

it("refuses a config.json with a field that is missing or wrong, naming it", async () => {
  const cases: [(manifest: { model: Record<string, unknown> } & Record<string, unknown>) => void, RegExp][] = [
    [(manifest) => Object.assign(manifest, { model: null }), /model: /],
    [(manifest) => Object.assign(manifest, { tokenizer: "bpe" }), /tokenizer: /],
    [(manifest) => Object.assign(manifest, { task: null }), /task: /],
    [({ model }) => delete model.norm, /model\.norm: /],
    [({ model }) => Object.assign(model, { layers: "2" }), /model\.layers: /],
    [({ model }) => Object.assign(model, { positions: "learned" }), /model\.positions: /],
    [({ model }) => Object.assign(model, { heads: 3 }), /kvHeads: 2 must divide heads 3/],
    [({ model }) => Object.assign(model, { vocabularySize: 58 }), /expected the 57 tokens .* vocabularySize 58/],
  ];
  for (const [change, expected] of cases) {
    await save();
    edit(change);
    expect(() => readModelManifest(dir)).toThrow(CheckpointError);
    expect(() => readModelManifest(dir)).toThrow(expected);
  }
});

it("does not save a vocabulary that its tokenizer does not have", async () => {
  const policy = createPolicy(openReferenceDevice(), mathFormer(shape, 6), { seed: 0, trained: false });
  await expect(saveModel(dir, policy, about)).rejects.toThrow(/vocabularySize 6/);
});
