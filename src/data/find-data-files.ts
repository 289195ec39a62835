import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { DataError } from "../base/errors.ts";
import { isTableName, TABLE_ENDINGS } from "./tables/read-table.ts";

/** Directories below this depth are not looked into: data sets keep files at the top, in `data/` or in `main/`. */
const MAX_DEPTH = 2;

/**
 * The data files of a split: the file itself, or in a directory those whose name begins with the split (`train.jsonl`,
 * `main/train-00000-of-00002.parquet`), in order of name.
 *
 * @param names beginnings to look for; the first with a file counts
 * @throws DataError when there is no such path or file, or when files of several directories or kinds could be meant
 */
export function findDataFiles(path: string, names: readonly string[]): string[] {
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind === undefined)
    throw new DataError(`${path}: no such file or directory; give the path of a data set, or a hub's id: org/name`);
  if (!kind.isDirectory()) return [path];
  const all = listTables(path, MAX_DEPTH);
  for (const name of names) {
    const found = all.filter((file) => basename(file).toLowerCase().startsWith(name));
    if (found.length > 0) return oneSet(found, path, name);
  }
  const there = all.map((file) => relative(path, file));
  throw new DataError(
    `${path}: expected a file named ${names.map((name) => `${name}*`).join(" or ")} ending in ` +
      `${TABLE_ENDINGS.join(", ")}, got ${there.slice(0, 20).join(", ") || "none"}; name the file itself`,
  );
}

/** Where the hub's data sets keep the files that are meant when nothing else is said; others are named variants. */
const DEFAULT_DIRECTORIES = ["", "main", "default", "data"];

/** Several files are one set only when they are shards, `train-00000-of-00002.parquet`, of one directory. */
function oneSet(files: string[], path: string, name: string): string[] {
  const directories = new Map<string, string[]>();
  for (const file of files) {
    const directory = relative(path, dirname(file));
    directories.set(directory, [...(directories.get(directory) ?? []), file]);
  }
  const usual = DEFAULT_DIRECTORIES.find((directory) => directories.has(directory));
  const chosen = directories.size === 1 ? files : (directories.get(usual ?? "") ?? files);
  const sets = new Set(chosen.map((file) => file.replace(/\d+-of-(\d+)/, "of-$1")));
  if (sets.size === 1) return chosen;
  const listed = chosen.map((file) => relative(path, file)).slice(0, 20);
  throw new DataError(`${path}: several files could be its ${name}: ${listed.join(", ")}; name the one to use`);
}

function listTables(directory: string, depth: number): string[] {
  const entries = readdirSync(directory).sort();
  return entries.flatMap((name) => {
    const path = join(directory, name);
    const kind = statSync(path, { throwIfNoEntry: false });
    if (kind?.isDirectory()) return depth > 0 && !name.startsWith(".") ? listTables(path, depth - 1) : [];
    return kind?.isFile() && isTableName(name) ? [path] : [];
  });
}
