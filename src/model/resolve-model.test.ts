import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HubServer, serveHub, settingsFor } from "../../test/hub-server.ts";
import type { HubSettings } from "../base/hub/settings.ts";
import { resolveModel } from "./resolve-model.ts";

const commit = "d".repeat(40);
const bytes = Buffer.from("x");

/** A safetensors file of one f32. */
function weightsOf(name: string): Buffer {
  const header = Buffer.from(JSON.stringify({ [name]: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }));
  return Buffer.concat([Buffer.from(BigUint64Array.of(BigInt(header.length)).buffer), header, Buffer.alloc(4)]);
}

const index = Buffer.from(
  JSON.stringify({ weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" } }),
);

const repositories: Record<string, Record<string, Buffer>> = {
  "org/single": {
    "config.json": bytes,
    "model.safetensors": weightsOf("a"),
    "model.fp16.safetensors": bytes,
    "pytorch_model.bin": bytes,
    "tokenizer.json": bytes,
    "chat_template.jinja": bytes,
    "README.md": bytes,
    "onnx/model.onnx": bytes,
  },
  "org/sharded": {
    "config.json": bytes,
    "model.safetensors.index.json": index,
    "model-00001-of-00002.safetensors": weightsOf("a"),
    "model-00002-of-00002.safetensors": weightsOf("b"),
    "consolidated-00001-of-00001.safetensors": bytes,
  },
  "org/pickled": { "config.json": bytes, "pytorch_model.bin": bytes },
  "org/one-gguf": { "config.json": bytes, "m.Q8_0.gguf": bytes, "README.md": bytes },
  "org/ggufs": { "m.Q8_0.gguf": bytes, "m.Q4_K.gguf": bytes },
  "org/empty": { "README.md": bytes },
};

let hub: HubServer;
let root: string;
let settings: HubSettings;
beforeEach(async () => {
  hub = await serveHub(
    Object.fromEntries(
      Object.entries(repositories).map(([id, files]) => [`models/${id}`, { revisions: { main: { commit, files } } }]),
    ),
  );
  root = mkdtempSync(join(tmpdir(), "reckon-resolve-"));
  settings = settingsFor(hub, join(root, "hub"));
});
afterEach(async () => {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

const snapshot = (name: string) => join(settings.cache, `models--org--${name}`, "snapshots", commit);

describe("resolveModel on this machine", () => {
  it("takes a directory or a GGUF file as it is", async () => {
    const dir = join(root, "dir");
    mkdirSync(dir);
    writeFileSync(join(dir, "m.gguf"), "");
    const gguf = { kind: "gguf", path: join(dir, "m.gguf"), commit: null, from: "path" };
    expect(await resolveModel(join(dir, "m.gguf"))).toEqual(gguf);
    expect(await resolveModel(dir)).toEqual(gguf);
    writeFileSync(join(dir, "other.gguf"), "");
    await expect(resolveModel(dir)).rejects.toThrow(`${dir}: several GGUF files; name one of m.gguf, other.gguf`);
    writeFileSync(join(dir, "config.json"), "");
    writeFileSync(join(dir, "model.safetensors"), "");
    expect(await resolveModel(dir)).toEqual({ kind: "directory", path: dir, commit: null, from: "path" });
  });

  it("refuses other files, and names that are nothing", async () => {
    const refused = async (name: string) => (await resolveModel(name, { settings }).catch((error) => error)).message;
    mkdirSync(join(root, "empty"));
    writeFileSync(join(root, "m.bin"), "");
    writeFileSync(join(root, "m.safetensors"), "");
    expect(await refused(join(root, "empty"))).toContain("no config.json and no .gguf file");
    expect(await refused(join(root, "m.bin"))).toContain("a pickle, which is never read");
    expect(await refused(join(root, "m.safetensors"))).toContain("name the directory that also holds config.json");
    expect(await refused(join(root, "gone.gguf"))).toContain("no such directory or file");
    expect(await refused("gone")).toContain("gone: no such directory or file, and not a model of the hub");
    expect(hub.requests).toEqual([]);
  });
});

describe("resolveModel on the hub", () => {
  it("fetches config, tokenizer and one form of the weights", async () => {
    const resolved = await resolveModel("org/single", { settings });
    expect(resolved).toEqual({ kind: "directory", path: snapshot("single"), commit, from: "hub" });
    expect(readdirSync(resolved.path).sort()).toEqual([
      "chat_template.jinja",
      "config.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    expect(await resolveModel("org/single", { settings: { ...settings, offline: true } })).toEqual({
      ...resolved,
      from: "cache",
    });
  });

  it("fetches shards, and offline misses none of them", async () => {
    const resolved = await resolveModel(`org/sharded@${commit}`, { settings });
    expect(readdirSync(resolved.path).sort()).toEqual([
      "config.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    rmSync(join(resolved.path, "model-00002-of-00002.safetensors"));
    await expect(resolveModel(`org/sharded@${commit}`, { settings: { ...settings, offline: true } })).rejects.toThrow(
      /model org\/sharded: the copy in the cache is not whole.*00002-of-00002.*fetch it online first/,
    );
  });

  it("fetches a GGUF file that is named, or the only one", async () => {
    expect(await resolveModel("org/one-gguf", { settings })).toEqual({
      kind: "gguf",
      path: join(snapshot("one-gguf"), "m.Q8_0.gguf"),
      commit,
      from: "hub",
    });
    await expect(resolveModel("org/ggufs", { settings })).rejects.toThrow(
      "model org/ggufs: no safetensors but several GGUF files; name one, as org/ggufs/m.Q4_K.gguf, of m.Q4_K.gguf, m.Q8_0.gguf",
    );
    const named = await resolveModel("org/ggufs/m.Q4_K.gguf@main", { settings });
    expect(named).toEqual({ kind: "gguf", path: join(snapshot("ggufs"), "m.Q4_K.gguf"), commit, from: "hub" });
    const offline = { settings: { ...settings, offline: true } };
    expect(await resolveModel("org/ggufs/m.Q4_K.gguf@main", offline)).toEqual({ ...named, from: "cache" });
    await expect(resolveModel("org/ggufs/m.Q8_0.gguf", offline)).rejects.toThrow("m.Q8_0.gguf is not in the cache");
    await expect(resolveModel("org/ggufs/none.gguf", { settings })).rejects.toThrow(
      "no file none.gguf; it has m.Q4_K.gguf",
    );
  });

  it("fetches no pickle, and says what to do", async () => {
    await expect(resolveModel("org/pickled", { settings })).rejects.toThrow(
      "model org/pickled: weights come as pytorch_model.bin alone: a pickle can run any program when it is read",
    );
    await expect(resolveModel("org/empty", { settings })).rejects.toThrow("no safetensors and no GGUF file");
    expect(hub.requests.some(({ path }) => path.includes("/resolve/"))).toBe(false);
    await expect(resolveModel("org/none", { settings })).rejects.toThrow(/has no model org\/none.*meant$/);
    // This repository has a directory src.
    await expect(resolveModel("src/none", { settings })).rejects.toThrow(
      /has no model src\/none.*; nor is there a file or directory src\/none$/,
    );
  });
});
