import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { HubSettings } from "../src/base/hub/settings.ts";

/** A repository that the server holds: files by path, large ones as Git LFS keeps them. */
export interface ServedRepository {
  /** Content by path, per revision; `main` unless another is asked for. */
  revisions: Record<string, { commit: string; files: Record<string, Buffer> }>;
  /** Paths known by their SHA-256; others by git's SHA-1. */
  large?: readonly string[];
  /** `licence`: files need the token; `private`: everything does. */
  access?: "licence" | "private";
}

/** What came in and what may be done to answers, for tests of a hub's client. */
export interface HubServer {
  endpoint: string;
  /** Every request so far: method, path, and the headers that matter. */
  requests: { path: string; range: string | undefined; authorization: string | undefined }[];
  /** Called before a file is sent; true when it has answered in the server's stead. */
  interfere: ((path: string, request: IncomingMessage, response: ServerResponse, content: Buffer) => boolean) | null;
  close(): Promise<void>;
}

/** The token this hub knows. */
export const TOKEN = "hf_test";

/**
 * Serves the parts of the Hugging Face hub's HTTP interface that downloads use, on loopback: revision, tree in pages of two,
 * resolve with ranges.
 *
 * @param repositories by `models/org/name` or `datasets/org/name`
 */
export async function serveHub(repositories: Record<string, ServedRepository>): Promise<HubServer> {
  const hub: HubServer = { endpoint: "", requests: [], interfere: null, close: () => closed(server) };
  const server = createServer((request, response) => {
    const url = new URL(request.url!, hub.endpoint);
    const { range, authorization } = request.headers;
    hub.requests.push({ path: url.pathname, range, authorization });
    const api = /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
    const file = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const key = api ? `${api[1]}/${api[2]}` : file ? `${file[1] ? "datasets" : "models"}/${file[2]}` : "";
    const repository = repositories[key];
    const known = authorization === `Bearer ${TOKEN}`;
    if (!repository || (repository.access === "private" && !known))
      return refuse(response, known ? 404 : 401, "RepoNotFound");
    const asked = decodeURIComponent(api ? api[4] : file![3]);
    const revision = Object.entries(repository.revisions).find(([name, { commit }]) =>
      [name, commit].includes(asked),
    )?.[1];
    if (!revision) return refuse(response, 404, "RevisionNotFound");
    if (api?.[3] === "revision") return json(response, { id: api[2], sha: revision.commit, lastModified: new Date(0) });
    if (api) return sendTree(response, url, repository, revision.files);
    if (repository.access === "licence" && !known) return refuse(response, authorization ? 403 : 401, "GatedRepo");
    const path = decodeURIComponent(file![4]);
    const content = revision.files[path];
    if (!content) return refuse(response, 404, "EntryNotFound");
    if (!hub.interfere?.(path, request, response, content)) sendFile(response, content, range);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  hub.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return hub;
}

/** Answers with the content, or with the range of it that was asked for. */
export function sendFile(response: ServerResponse, content: Buffer, range: string | undefined): void {
  const begin = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  if (begin >= content.length && content.length > 0) {
    response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    return;
  }
  const part = content.subarray(begin);
  const headers: Record<string, string | number> = { "content-length": part.length };
  if (range) headers["content-range"] = `bytes ${begin}-${content.length - 1}/${content.length}`;
  response.writeHead(range ? 206 : 200, headers).end(part);
}

function sendTree(
  response: ServerResponse,
  url: URL,
  { large = [] }: ServedRepository,
  files: Record<string, Buffer>,
): void {
  const directories = [...new Set(Object.keys(files).flatMap((path) => path.split("/").slice(0, -1)))];
  const entries = [
    ...directories.map((path) => ({ type: "directory", path, size: 0, oid: sha1(Buffer.from(path)) })),
    ...Object.entries(files).map(([path, content]) => ({
      type: "file",
      path,
      size: content.length,
      oid: sha1(content),
      ...(large.includes(path) && { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } }),
    })),
  ];
  const page = Number(url.searchParams.get("cursor") ?? 0);
  if (entries.length > page + 2) {
    url.searchParams.set("cursor", String(page + 2));
    response.setHeader("Link", `<${url.href}>; rel="next"`);
  }
  json(response, entries.slice(page, page + 2));
}

/** As git names a blob. */
export function sha1(content: Buffer): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "x-error-code": code, "content-type": "application/json" }).end('{"error":"no"}');
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((done) => server.close(() => done()));
}

/** How a client reaches a hub of `serveHub`: without a token, trying again at once. */
export const settingsFor = ({ endpoint }: HubServer, cache: string): HubSettings => ({
  endpoint,
  cache,
  token: null,
  offline: false,
  timeoutMs: 120_000,
  retryMs: 1,
});
