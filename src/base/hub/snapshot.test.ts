import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HubServer, sendFile, serveHub, settingsFor, sha1, sha256, TOKEN } from "../../../test/hub-server.ts";
import { CheckpointError } from "../errors.ts";
import { parseHubReference } from "./reference.ts";
import type { HubSettings } from "./settings.ts";
import { fetchSnapshot, type HubProgress } from "./snapshot.ts";

const commits = { main: "a".repeat(40), v1: "b".repeat(40) };
const config = Buffer.from('{"model_type": "llama"}');
const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));

let hub: HubServer;
let root: string;
let settings: HubSettings;

beforeEach(async () => {
  const files = { "config.json": config, "model.safetensors": weights, "sub/deeper/notes.txt": Buffer.from("") };
  const repository = {
    revisions: {
      main: { commit: commits.main, files },
      v1: { commit: commits.v1, files: { ...files, "config.json": Buffer.from("{}") } },
    },
    large: ["model.safetensors"],
  };
  hub = await serveHub({
    "models/org/open": repository,
    "models/org/gated": { ...repository, access: "licence" },
    "models/org/secret": { ...repository, access: "private" },
  });
  root = mkdtempSync(join(tmpdir(), "reckon-hub-"));
  settings = settingsFor(hub, join(root, "hub"));
});
afterEach(async () => {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

const fetchAll = (reference: string, changed: Partial<HubSettings> = {}, onProgress?: (at: HubProgress) => void) =>
  fetchSnapshot(parseHubReference(reference, "model")!, (files) => files, {
    settings: { ...settings, ...changed },
    onProgress,
  });

const blobs = (name: string) => join(settings.cache, `models--org--${name}`, "blobs");
const partial = () => join(blobs("open"), `${sha256(weights)}.incomplete`);
const rangesOf = (path: string) => hub.requests.filter((one) => one.path.endsWith(path)).map(({ range }) => range);

/** Sends the beginning of an answer of full length, then cuts the connection. */
function cut(response: ServerResponse, content: Buffer, begin: number, end: number): void {
  const headers: Record<string, string | number> = { "content-length": content.length - begin };
  if (begin > 0) headers["content-range"] = `bytes ${begin}-${content.length - 1}/${content.length}`;
  response.writeHead(begin > 0 ? 206 : 200, headers);
  response.write(content.subarray(begin, end), () => setTimeout(() => response.destroy(), 5));
}

describe("fetchSnapshot", () => {
  it("lays files out as Python's huggingface_hub does", async () => {
    const { directory, commit, from } = await fetchAll("org/open");
    const folder = join(settings.cache, "models--org--open");
    expect([directory, commit, from]).toEqual([join(folder, "snapshots", commits.main), commits.main, "hub"]);
    expect(readFileSync(join(folder, "refs", "main"), "utf8")).toBe(commits.main);
    expect(readlinkSync(join(directory, "config.json"))).toBe(join("..", "..", "blobs", sha1(config)));
    expect(readlinkSync(join(directory, "model.safetensors"))).toBe(join("..", "..", "blobs", sha256(weights)));
    expect(readFileSync(join(directory, "model.safetensors")).equals(weights)).toBe(true);
    expect(readFileSync(join(directory, "sub", "deeper", "notes.txt"), "utf8")).toBe("");
    expect(readdirSync(join(folder, "blobs")).sort()).toEqual(
      [sha1(config), sha256(weights), sha1(Buffer.alloc(0))].sort(),
    );
  });

  it("fetches only what is chosen, tells how far it is, and fetches nothing twice", async () => {
    const reference = parseHubReference("org/open", "model")!;
    const only = (path: string) => (files: readonly { path: string }[]) => files.filter((file) => file.path === path);
    await fetchSnapshot(reference, only("config.json") as never, { settings });
    expect(readdirSync(join(settings.cache, "models--org--open", "snapshots", commits.main))).toEqual(["config.json"]);
    const seen: HubProgress[] = [];
    await fetchAll("org/open", {}, (at) => seen.push({ ...at }));
    const totalBytes = config.length + weights.length;
    expect(seen[0]).toEqual({ file: "model.safetensors", doneBytes: config.length, totalBytes });
    expect(seen.at(-1)).toMatchObject({ doneBytes: totalBytes, totalBytes });
    for (let i = 1; i < seen.length; i++) expect(seen[i].doneBytes).toBeGreaterThanOrEqual(seen[i - 1].doneBytes);
    await fetchAll("org/open");
    expect(rangesOf("model.safetensors")).toEqual([undefined]);
    expect(rangesOf("config.json")).toEqual([undefined]);
  });

  it("gives each revision its own files, by name or by commit, sharing what is equal", async () => {
    const { directory } = await fetchAll("org/open@v1");
    expect(readFileSync(join(directory, "config.json"), "utf8")).toBe("{}");
    await fetchAll(`org/open@${commits.main}`);
    expect(rangesOf("model.safetensors")).toHaveLength(1);
    expect(readdirSync(join(settings.cache, "models--org--open", "refs"))).toEqual(["v1"]);
    await expect(fetchAll("org/open@v2")).rejects.toThrow(
      `model org/open: no revision v2 at ${hub.endpoint}/org/open; see its branches, tags and commits there`,
    );
  });

  it("goes on where a dropped connection ended, within a call", async () => {
    let drops = 0;
    hub.interfere = (path, _, response, content) => {
      if (path !== "model.safetensors" || drops++ > 0) return false;
      cut(response, content, 0, 100_000);
      return true;
    };
    const { directory } = await fetchAll("org/open");
    expect(rangesOf("model.safetensors")).toEqual([undefined, "bytes=100000-"]);
    expect(readFileSync(join(directory, "model.safetensors")).equals(weights)).toBe(true);
  });

  it("keeps what came when it gives up, and goes on from there in a later call", async () => {
    hub.interfere = (path, request, response, content) => {
      if (path !== "model.safetensors") return false;
      const begin = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
      cut(response, content, begin, begin + 10_000);
      return true;
    };
    await expect(fetchAll("org/open")).rejects.toThrow(
      /model\.safetensors: .* 5 times in a row; 50000 of 300000 bytes are kept: run the command again/,
    );
    expect(readFileSync(partial()).equals(weights.subarray(0, 50_000))).toBe(true);
    // What is cached of the revision is not passed off as whole.
    await expect(fetchAll("org/open", { offline: true })).rejects.toThrow("is not in the cache");
    hub.interfere = null;
    await fetchAll("org/open");
    expect(rangesOf("model.safetensors").at(-1)).toBe("bytes=50000-");
    expect(readFileSync(join(blobs("open"), sha256(weights))).equals(weights)).toBe(true);
  });

  it("begins again when the server knows no ranges, or the part kept is wrong or too long", async () => {
    await fetchAll("org/open");
    const blob = join(blobs("open"), sha256(weights));
    const begun = (bytes: Uint8Array) => {
      rmSync(blob);
      writeFileSync(partial(), bytes);
    };
    begun(weights.subarray(0, 1000));
    hub.interfere = (_, __, response, content) => {
      sendFile(response, content, undefined);
      return true;
    };
    await fetchAll("org/open");
    hub.interfere = null;
    expect(readFileSync(blob).equals(weights)).toBe(true);
    for (const wrong of [Buffer.alloc(1000, 1), Buffer.alloc(weights.length, 1), Buffer.alloc(weights.length + 1, 1)]) {
      begun(wrong);
      await fetchAll("org/open");
      expect(readFileSync(blob).equals(weights)).toBe(true);
    }
  });

  it("refuses an answer of another length or content than was listed", async () => {
    const answers: [(response: ServerResponse) => void, string][] = [
      [
        (response) => response.writeHead(200, { "content-length": 3 }).end("no!"),
        "expected 300000 bytes as listed, got 3",
      ],
      [
        (response) => response.writeHead(200, { "transfer-encoding": "chunked" }).end(Buffer.alloc(400_000)),
        "expected 300000 bytes as listed, got at least",
      ],
      [(response) => response.end(Buffer.alloc(300_000)), "is not the content that was listed"],
    ];
    for (const [answer, problem] of answers) {
      hub.interfere = (path, _, response) => {
        if (path !== "model.safetensors") return false;
        answer(response);
        return true;
      };
      const failed = fetchAll("org/open");
      await expect(failed).rejects.toThrow(CheckpointError);
      await expect(failed).rejects.toThrow(problem);
    }
    expect(readdirSync(blobs("open"))).not.toContain(sha256(weights));
  });

  it("takes a silent connection for a dropped one", async () => {
    let silent = 0;
    hub.interfere = (path, _, response, content) => {
      if (path !== "model.safetensors" || silent++ > 0) return false;
      response.writeHead(200).write(content.subarray(0, 10));
      return true;
    };
    await fetchAll("org/open", { timeoutMs: 4000 });
    expect(rangesOf("model.safetensors")).toEqual([undefined, "bytes=10-"]);
  });

  it("tells a model that is missing from one that needs a licence or a token", async () => {
    const page = `${hub.endpoint}/org/gated`;
    await expect(fetchAll("org/none")).rejects.toThrow(
      `${hub.endpoint} has no model org/none, or it is private and HF_TOKEN is not set; check the spelling of org/name`,
    );
    await expect(fetchAll("org/none", { token: TOKEN })).rejects.toThrow("or HF_TOKEN gives no access to it");
    await expect(fetchAll("org/secret")).rejects.toThrow("or it is private and HF_TOKEN is not set");
    await expect(fetchAll("org/gated")).rejects.toThrow(
      `model org/gated: needs a licence to be accepted at ${page} and a token: set HF_TOKEN to one of ${hub.endpoint}/settings/tokens`,
    );
    await expect(fetchAll("org/gated", { token: "hf_other" })).rejects.toThrow(
      `your token has no access yet: accept the licence at ${page}`,
    );
    await fetchAll("org/gated", { token: TOKEN });
    await fetchAll("org/secret", { token: TOKEN });
  });

  it("sends the token to the hub alone, not where it redirects to", async () => {
    const store = await serveHub({});
    const redirect = new URL(store.endpoint);
    hub.interfere = (path, _, response) => {
      if (path !== "config.json") return false;
      response.writeHead(302, { location: `${redirect.origin}/elsewhere` }).end();
      return true;
    };
    await expect(fetchAll("org/gated", { token: TOKEN })).rejects.toThrow();
    expect(store.requests).toEqual([{ path: "/elsewhere", range: undefined, authorization: undefined }]);
    await store.close();
  });

  it("uses the cache offline and when the hub cannot be reached, and says so when there is nothing", async () => {
    const folder = join(settings.cache, "models--org--open");
    await expect(fetchAll("org/open", { offline: true })).rejects.toThrow(
      `model org/open: revision main is not in the cache (${folder}) and cannot be fetched: HF_HUB_OFFLINE is set`,
    );
    const { directory } = await fetchAll("org/open");
    const asked = hub.requests.length;
    expect(await fetchAll("org/open", { offline: true })).toEqual({ directory, commit: commits.main, from: "cache" });
    expect(await fetchAll(`org/open@${commits.main}`, { offline: true })).toMatchObject({ directory });
    expect(hub.requests).toHaveLength(asked);
    await hub.close();
    expect(await fetchAll("org/open")).toMatchObject({ directory, from: "cache" });
    await expect(fetchAll("org/open@v1")).rejects.toThrow(
      `cannot be fetched: ${hub.endpoint} cannot be reached (ECONNREFUSED); check the network and HF_ENDPOINT`,
    );
  });

  it("refuses an endpoint or a token that is none, without showing the token", async () => {
    for (const endpoint of ["hf-mirror.com", "file:///etc", "http://"])
      await expect(fetchAll("org/open", { endpoint })).rejects.toThrow(
        `HF_ENDPOINT: expected an address as https://huggingface.co, got ${endpoint}`,
      );
    const error = await fetchAll("org/open", { token: "hf_sec\u00e9ret" }).catch((thrown) => thrown);
    expect(error.message).toBe("model org/open: HF_TOKEN holds characters that no token has; copy it again");
  });

  it("refuses a listing that is none, or that reaches out of the cache", async () => {
    const listing = (files: Record<string, Buffer>, commit = commits.main) =>
      serveHub({ "models/org/bad": { revisions: { main: { commit, files } } } });
    for (const [files, commit, problem] of [
      [{ "../../escaped": config }, commits.main, "path: expected a path within the repository"],
      [{ "/escaped": config }, commits.main, "path: expected a path"],
      [{ "a\\..\\..\\escaped": config }, commits.main, "path: expected a path"],
      [{}, "../..", "sha: Invalid string"],
    ] as const) {
      const bad = await listing(files, commit);
      await expect(fetchAll("org/bad", { endpoint: bad.endpoint })).rejects.toThrow(problem);
      await expect(fetchAll("org/bad", { endpoint: bad.endpoint })).rejects.toThrow("check HF_ENDPOINT");
      await bad.close();
    }
    expect(readdirSync(root)).toEqual([]);
  });

  it("replaces a broken link in a snapshot", async () => {
    const { directory } = await fetchAll("org/open");
    rmSync(join(blobs("open"), sha1(config)));
    await fetchAll("org/open");
    expect(lstatSync(join(directory, "config.json")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(directory, "config.json")).equals(config)).toBe(true);
  });
});
