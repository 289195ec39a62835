import { CheckpointError, DataError, type ReckonError } from "../errors.ts";

/** A repository of the hub at one revision. */
export interface HubReference {
  type: "model" | "dataset";
  /** `org/name`. */
  id: string;
  /** A branch, a tag or a commit. */
  revision: string;
}

/**
 * Reads `org/name[@revision]`; the revision is `main` if none is named.
 *
 * @returns null when the text is no such id
 */
export function parseHubReference(text: string, type: HubReference["type"]): HubReference | null {
  const [, id, revision = "main"] = /^([^@]+)(?:@(.+))?$/s.exec(text) ?? [];
  if (id === undefined || !/^[\w.-]{1,96}\/[\w.-]{1,96}$/.test(id)) return null;
  // What the hub allows in a name; `--` parts org and name in the cache.
  if (id.split("/").some((part) => /^[.-]|[.-]$|--|\.\./.test(part))) return null;
  return isRelativePath(revision) && !/[\s?*:~^[]/.test(revision) ? { type, id, revision } : null;
}

/** Whether a path named by someone else stays in the directory that it is joined to, on every system. */
export function isRelativePath(path: string): boolean {
  return (
    !/[\\\0]|^[a-zA-Z]:/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

/** `model org/name` or `data set org/name`. */
export function nameOf({ type, id }: HubReference): string {
  return `${type === "model" ? "model" : "data set"} ${id}`;
}

/** The page of a repository, where licences are accepted. */
export function pageOf({ type, id }: HubReference, endpoint: string): string {
  return `${endpoint}/${type === "model" ? "" : "datasets/"}${id}`;
}

/** The error of a repository that cannot be used: CheckpointError for models, DataError for data sets. */
export function hubFault(reference: HubReference, problem: string, options?: ErrorOptions): ReckonError {
  const Fault = reference.type === "model" ? CheckpointError : DataError;
  return new Fault(`${nameOf(reference)}: ${problem}`, options);
}
