import { existsSync } from "node:fs";
import { resolveDataset } from "../base/hub/dataset.ts";
import { parseHubReference } from "../base/hub/reference.ts";
import type { HubOptions } from "../base/hub/snapshot.ts";
import { TABLE_ENDINGS } from "./tables/read-table.ts";

/**
 * Where a data set lies on this machine: the path itself where it exists, or else the directory its files are fetched to
 * when it is a hub's id, `org/name[@revision]`.
 *
 * @param options.names beginnings of the files that are wanted, such as `train`
 * @param options.file a file or directory of the data set, wanted instead
 * @returns the path as it came when it is neither: what reads it says so
 * @throws DataError when the hub has no such data set or no such files, or cannot be reached
 */
export async function locateDataset(
  path: string,
  { names, file, hub }: { names: readonly string[]; file?: string; hub?: HubOptions },
): Promise<string> {
  if (existsSync(path) || parseHubReference(path, "dataset") === null) return path;
  const inside = file === undefined ? "**/" : `${file}/**/`;
  const files = names.flatMap((name) => TABLE_ENDINGS.map((ending) => `${inside}${name}*${ending}`));
  return (await resolveDataset(path, { ...hub, files: file === undefined ? files : [file, ...files] })).directory;
}
