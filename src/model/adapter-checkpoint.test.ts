import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { loadAdapter, readAdapterManifest, saveAdapter } from "./adapter-checkpoint.ts";
import { mathFormer } from "./config.ts";
import { attachLora } from "./lora.ts";
import { createPolicy } from "./policy.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-adapter-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const config = mathFormer({ size: "tiny", width: 8, heads: 2, feedForward: 12, layers: 1, block: "llama" }, 11);
const frozen = () => createPolicy(openReferenceDevice(), config, { seed: 1, trained: false });
const about = { base: { from: "org/base", identity: "abc", modelType: "llama" }, task: { kind: "words" } };

describe("an adapter's checkpoint", () => {
  it("goes on as it was: the same parameters in the same layout, and its seed", async () => {
    const policy = attachLora(frozen(), { rank: 3, seed: 7, dropout: 0.25, targetModules: ["v_proj", "q_proj"] });
    await saveAdapter(dir, policy, about);
    const { device, parameters, adapter } = loadAdapter(frozen(), dir, { identity: "abc", trained: true });
    expect(await device.read(parameters.values)).toEqual(await policy.device.read(policy.parameters.values));
    expect(parameters.entries.map(({ name }) => name)).toEqual(policy.parameters.entries.map(({ name }) => name));
    expect(adapter?.options).toMatchObject({ rank: 3, seed: 7, dropout: 0.25, targetModules: ["query", "value"] });
    expect(readAdapterManifest(dir)).toMatchObject(about);
  });

  it("is refused on another base, by name even where shapes fit", () => {
    expect(() => loadAdapter(frozen(), dir, { identity: "abd", trained: true })).toThrow(CheckpointError);
    expect(() => loadAdapter(frozen(), dir, { identity: "abd", trained: true })).toThrow(/org\/base, abc.*abd/);
  });

  it("is not made of a model that has no adapter", async () => {
    await expect(saveAdapter(dir, frozen(), about)).rejects.toThrow(ConfigError);
  });

  it("says which field of its config.json is wrong", () => {
    writeFileSync(
      join(dir, "config.json"),
      JSON.stringify({ format: "reckon-adapter-1", base: { from: 3 }, lora: { seed: 0, dropout: 0 } }),
    );
    expect(() => readAdapterManifest(dir)).toThrow(/config\.json: base\.from: .*base\.identity: .*task: /);
    rmSync(join(dir, "config.json"));
    expect(() => readAdapterManifest(dir)).toThrow(/config\.json: cannot be read/);
  });
});
