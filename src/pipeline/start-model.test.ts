import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { checkStartModel, modelIdentity } from "./start-model.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-start-"));
afterAll(() => rmSync(dir, { recursive: true }));

// printf abc | sha256sum
const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

test("a model is known by its weights, and a run goes on with the one it started from alone", async () => {
  writeFileSync(join(dir, "model.safetensors"), "abc");
  expect(await modelIdentity(dir)).toBe(abc);
  await checkStartModel("runs/a", dir, abc);
  writeFileSync(join(dir, "model.safetensors"), "abd");
  const refused = checkStartModel("runs/a", dir, abc);
  await expect(refused).rejects.toThrow(CheckpointError);
  await expect(refused).rejects.toThrow(/runs\/a: expected the model it started from.*found another one/);
});

test("fresh weights have no name, and a start that is gone is left to whoever needs it", async () => {
  expect(await modelIdentity(null)).toBeNull();
  expect(await modelIdentity(join(dir, "none"))).toBeNull();
  await checkStartModel("runs/a", null, null);
  await checkStartModel("runs/a", join(dir, "none"), abc);
});
