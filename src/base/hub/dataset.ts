import { readdirSync } from "node:fs";
import { DataError } from "../errors.ts";
import { sizeOf } from "./cache.ts";
import { hubFault, parseHubReference } from "./reference.ts";
import { fetchSnapshot, type HubOptions } from "./snapshot.ts";

/** Files of a data set, fetched. */
export interface ResolvedDataset {
  directory: string;
  /** The commit's id. */
  commit: string;
  /** Those that match, relative to the directory with `/`, sorted. */
  files: string[];
}

/**
 * Fetches the files of a data set on the hub that match a pattern, into the cache that Python's huggingface_hub uses.
 *
 * @param reference `org/name[@revision]`
 * @param options.files patterns: `*` and `?` within a name, `**` over directories, as `**` + `/*.parquet` for every parquet file
 * @throws DataError when the id is none, no file matches, or the fetch fails as `fetchSnapshot` says
 */
export async function resolveDataset(
  reference: string,
  { files, ...options }: HubOptions & { files: readonly string[] },
): Promise<ResolvedDataset> {
  const parsed = parseHubReference(reference, "dataset");
  if (parsed === null)
    throw new DataError(`${reference}: expected a data set of the hub as org/name or org/name@revision`);
  const matches = (path: string) => files.some((pattern) => globPattern(pattern).test(path));
  const none = (place: string, found: readonly string[]) =>
    hubFault(
      parsed,
      `no file matches ${files.join(" or ")} ${place}; it has ${found.slice(0, 10).join(", ") || "none"}${found.length > 10 ? ", …" : ""}`,
    );
  const { directory, commit, from } = await fetchSnapshot(
    parsed,
    (listed) => {
      const chosen = listed.filter(({ path }) => matches(path));
      if (chosen.length === 0) throw none(`in revision ${parsed.revision}`, listed.map(({ path }) => path).sort());
      return chosen;
    },
    options,
  );
  const cached = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => sizeOf(`${directory}/${path}`) !== null)
    .sort();
  const found = cached.filter(matches);
  if (from === "cache" && found.length === 0) throw none(`in the cache (${directory})`, cached);
  return { directory, commit, files: found };
}

/** A regular expression for a whole path: `*` and `?` stay within a name, a `**` directory is any number of directories, none included. */
export function globPattern(glob: string): RegExp {
  const parts = glob.split(/(\*\*\/|\*\*|\*|\?)/).map((part) => {
    if (part === "**/") return "(?:[^/]+/)*";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    return part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`, "s");
}
