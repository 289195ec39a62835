import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseHubReference } from "./reference.ts";
import { hubSettings } from "./settings.ts";

const dir = mkdtempSync(join(tmpdir(), "reckon-hub-settings-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("hubSettings", () => {
  it("finds the cache where huggingface_hub does", () => {
    const cache = (environment: NodeJS.ProcessEnv) => hubSettings(environment).cache;
    expect(cache({})).toBe(join(homedir(), ".cache", "huggingface", "hub"));
    expect(cache({ XDG_CACHE_HOME: "/x" })).toBe(join("/x", "huggingface", "hub"));
    expect(cache({ XDG_CACHE_HOME: "/x", HF_HOME: "~/h" })).toBe(join(homedir(), "h", "hub"));
    expect(cache({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" })).toBe("/old");
    expect(cache({ HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" })).toBe("/new");
  });

  it("takes the token from the environment, or from where hf auth login keeps it", () => {
    expect(hubSettings({ HF_HOME: dir }).token).toBeNull();
    writeFileSync(join(dir, "token"), "hf_kept\n");
    expect(hubSettings({ HF_HOME: dir }).token).toBe("hf_kept");
    expect(hubSettings({ HF_HOME: dir, HUGGING_FACE_HUB_TOKEN: "old" }).token).toBe("old");
    expect(hubSettings({ HF_HOME: dir, HUGGING_FACE_HUB_TOKEN: "old", HF_TOKEN: " new\n" }).token).toBe("new");
    expect(hubSettings({ HF_TOKEN_PATH: join(dir, "token") }).token).toBe("hf_kept");
  });

  it("reads endpoint and offline mode", () => {
    expect(hubSettings({}).endpoint).toBe("https://huggingface.co");
    expect(hubSettings({ HF_ENDPOINT: "http://mirror/hf/" }).endpoint).toBe("http://mirror/hf");
    const offline = (value: string) => hubSettings({ HF_HUB_OFFLINE: value }).offline;
    expect(["1", "true", "ON", "Yes"].map(offline)).toEqual([true, true, true, true]);
    expect(["0", "", "false"].map(offline)).toEqual([false, false, false]);
    expect(hubSettings({ TRANSFORMERS_OFFLINE: "1" }).offline).toBe(true);
  });
});

describe("parseHubReference", () => {
  it("reads org/name and a revision", () => {
    expect(parseHubReference("Qwen/Qwen2.5-0.5B", "model")).toEqual({
      type: "model",
      id: "Qwen/Qwen2.5-0.5B",
      revision: "main",
    });
    expect(parseHubReference("org/name@refs/pr/1", "dataset")?.revision).toBe("refs/pr/1");
  });

  it("refuses what is no id, or would reach out of the cache", () => {
    for (const text of ["name", "a/b/c", "/a/b", "./a", "../a", "a/..", "a/b--c", "a/b.", "a b/c", "a/b@", "a/b@../x"])
      expect(parseHubReference(text, "model"), text).toBeNull();
    for (const revision of ["/x", "a//b", "a\\b", "C:x", "a b", "a\0b", "x/.."])
      expect(parseHubReference(`a/b@${revision}`, "model"), revision).toBeNull();
  });
});
