import { z } from "zod";
import { ReckonError } from "../errors.ts";
import { type HubReference, hubFault, isRelativePath } from "./reference.ts";
import { HubUnavailable, hubFetch } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** One file of a repository. */
export interface HubFile {
  /** Relative, with `/`. */
  path: string;
  /** In bytes. */
  size: number;
  /** What its content is known by: SHA-256 of large files, git's SHA-1 of others. The cache's name for it. */
  digest: string;
}

const commit = z.string().regex(/^[0-9a-f]{40}$/);

/** Digests become names of files, so nothing but digits is let through. */
const entry = z.object({
  type: z.string(),
  path: z.string().refine(isRelativePath, "expected a path within the repository"),
  size: z.number().int().min(0),
  oid: commit,
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().min(0) }).nullish(),
});

/**
 * Asks the hub for the commit that a revision stands for, and that commit's files.
 *
 * @throws HubUnavailable when the hub cannot be reached
 * @throws CheckpointError or DataError when it refuses, or answers in another form than the hub's
 */
export async function listRepository(
  reference: HubReference,
  settings: HubSettings,
): Promise<{ commit: string; files: HubFile[] }> {
  // Loaded when it is needed: a command that fetches nothing should not wait for it.
  const { datasetInfo, listFiles, modelInfo } = await import("@huggingface/hub");
  const { type, id, revision } = reference;
  const common = { hubUrl: settings.endpoint, fetch: hubFetch(reference, settings) };
  try {
    const about = { ...common, name: id, revision, additionalFields: ["sha" as const] };
    const sha = commit.parse((await (type === "model" ? modelInfo(about) : datasetInfo(about))).sha);
    const files: HubFile[] = [];
    for await (const one of listFiles({ ...common, repo: { type, name: id }, revision: sha, recursive: true })) {
      if (one.type !== "file") continue;
      const { path, size, oid, lfs } = entry.parse(one);
      files.push({ path, size: lfs?.size ?? size, digest: lfs?.oid ?? oid });
    }
    return { commit: sha, files };
  } catch (error) {
    if (error instanceof HubUnavailable || error instanceof ReckonError) throw error;
    const reason = error instanceof z.ZodError ? error.issues.map(issueText).join("; ") : (error as Error).message;
    throw hubFault(reference, `${settings.endpoint} did not answer as a hub does (${reason}); check HF_ENDPOINT`, {
      cause: error,
    });
  }
}

function issueText({ path, message }: { path: PropertyKey[]; message: string }): string {
  return `${path.join(".") || "sha"}: ${message}`;
}
