import { randomBytes } from "node:crypto";
import { copyFileSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { makeDirectories } from "../directories.ts";
import type { HubFile } from "./listing.ts";
import type { HubReference } from "./reference.ts";
import type { HubSettings } from "./settings.ts";

/**
 * One repository in the cache that Python's huggingface_hub uses: `blobs/DIGEST` holds contents, `snapshots/COMMIT/PATH`
 * links to them, `refs/REVISION` names the commit that a branch or tag stood for.
 *
 * @see https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export class RepositoryCache {
  readonly folder: string;

  constructor({ type, id }: HubReference, { cache }: HubSettings) {
    this.folder = join(cache, [`${type}s`, ...id.split("/")].join("--"));
  }

  blob({ digest }: HubFile): string {
    return join(this.folder, "blobs", digest);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** Directory of what was last fetched of a revision, or null. */
  cached(revision: string): string | null {
    const commit = /^[0-9a-f]{40}$/.test(revision) ? revision : this.#readRef(revision);
    if (commit === null) return null;
    const snapshot = this.snapshot(commit);
    return statSync(snapshot, { throwIfNoEntry: false })?.isDirectory() ? snapshot : null;
  }

  /** Whether a file is there in full: a link to a blob of its size, or on systems without links a copy. */
  has(commit: string, file: HubFile): boolean {
    return sizeOf(join(this.snapshot(commit), file.path)) === file.size;
  }

  /** Makes a blob appear under its path; replaces what was there. */
  link(commit: string, file: HubFile): void {
    const path = join(this.snapshot(commit), file.path);
    const blob = this.blob(file);
    makeDirectories(dirname(path));
    const aside = `${path}.${randomBytes(4).toString("hex")}`;
    try {
      symlinkSync(relative(dirname(path), blob), aside);
    } catch {
      // Windows grants links to few; huggingface_hub keeps copies there too.
      copyFileSync(blob, aside);
    }
    renameSync(aside, path);
  }

  /** Notes what a branch or tag stands for; a commit stands for itself. */
  writeRef(revision: string, commit: string): void {
    if (revision === commit || this.#readRef(revision) === commit) return;
    const path = join(this.folder, "refs", revision);
    makeDirectories(dirname(path));
    const aside = `${path}.${randomBytes(4).toString("hex")}`;
    try {
      writeFileSync(aside, commit);
      renameSync(aside, path);
    } finally {
      rmSync(aside, { force: true });
    }
  }

  #readRef(revision: string): string | null {
    try {
      const commit = readFileSync(join(this.folder, "refs", revision), "utf8").trim();
      return /^[0-9a-f]{40}$/.test(commit) ? commit : null;
    } catch {
      return null;
    }
  }
}

/** Bytes of a file, links followed; null when there is none. */
export function sizeOf(path: string): number | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : null;
}
