import { RepositoryCache } from "./cache.ts";
import { download } from "./download.ts";
import { type HubFile, listRepository } from "./listing.ts";
import { type HubReference, hubFault, pageOf } from "./reference.ts";
import { HubUnavailable } from "./request.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/** How far a download is, over all of its files; what was in the cache counts as done. */
export interface HubProgress {
  /** The file that is being fetched. */
  file: string;
  doneBytes: number;
  totalBytes: number;
}

/** How to fetch; the environment says where from and where to. */
export interface HubOptions {
  settings?: HubSettings;
  onProgress?: (progress: HubProgress) => void;
}

/** A revision's directory in the cache. */
export interface Snapshot {
  directory: string;
  /** The commit's id. */
  commit: string;
  /** `cache`: the hub was not asked (offline) or gave no answer, so the files are those last fetched, perhaps not all. */
  from: "hub" | "cache";
}

/**
 * Brings files of a repository into the cache, those missing alone, and gives the revision's directory there. Offline, or
 * when the hub cannot be reached, that is what was last fetched of the revision.
 *
 * @param choose which of the revision's files are needed; may throw
 * @throws CheckpointError (models) or DataError (data sets) when the repository does not exist, needs a licence or a
 *   token, the network drops, or nothing is cached of a revision that cannot be fetched
 */
export async function fetchSnapshot(
  reference: HubReference,
  choose: (files: readonly HubFile[]) => readonly HubFile[],
  { settings = hubSettings(), onProgress }: HubOptions = {},
): Promise<Snapshot> {
  const cache = new RepositoryCache(reference, settings);
  if (settings.offline) return fromCache(reference, cache, `HF_HUB_OFFLINE is set; unset it to fetch`);
  let listing: Awaited<ReturnType<typeof listRepository>>;
  try {
    listing = await listRepository(reference, settings);
  } catch (error) {
    if (!(error instanceof HubUnavailable)) throw error;
    return fromCache(reference, cache, `${error.message}; check the network and HF_ENDPOINT`);
  }
  const { commit, files } = listing;
  const chosen = choose(files);
  const missing = chosen.filter((file) => !cache.has(commit, file));
  const totalBytes = bytesOf(chosen);
  let doneBytes = totalBytes - bytesOf(missing);
  for (const file of missing) {
    await download({
      reference,
      settings,
      url: `${pageOf(reference, settings.endpoint)}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`,
      file,
      blob: cache.blob(file),
      onBytes: (bytes) => onProgress?.({ file: file.path, doneBytes: doneBytes + bytes, totalBytes }),
    });
    cache.link(commit, file);
    doneBytes += file.size;
  }
  // Last, so that an interrupted download leaves what the revision stood for before to those who are offline.
  cache.writeRef(reference.revision, commit);
  return { directory: cache.snapshot(commit), commit, from: "hub" };
}

function fromCache(reference: HubReference, cache: RepositoryCache, reason: string): Snapshot {
  const directory = cache.cached(reference.revision);
  if (directory === null)
    throw hubFault(
      reference,
      `revision ${reference.revision} is not in the cache (${cache.folder}) and cannot be fetched: ${reason}`,
    );
  return { directory, commit: directory.slice(-40), from: "cache" };
}

function bytesOf(files: readonly HubFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
