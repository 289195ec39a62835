import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileIdentity } from "../base/file-identity.ts";
import type { ResolvedModel } from "../model/resolve-model.ts";

/** What names a published model's weights, whatever its path: the hub's commit, or its files' content. */
export function identityOf({ kind, path, commit }: Pick<ResolvedModel, "kind" | "path" | "commit">): string {
  if (commit !== null) return commit;
  if (kind === "gguf") return fileIdentity([path]);
  const files = readdirSync(path).filter((name) => name.endsWith(".safetensors"));
  return fileIdentity(files.sort().map((name) => join(path, name)));
}
