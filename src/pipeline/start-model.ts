import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import type { ModelStore } from "./model-store.ts";

const weightsOf = (dir: string) => join(dir, "model.safetensors");

/**
 * What names a model whatever its path: sha256 of its weights, in hexadecimal.
 *
 * @param dir directory of the model; null where a run starts from fresh weights, and has no such name
 * @returns null also when there is no such file: whoever needs the model will say so
 */
export async function modelIdentity(dir: string | null): Promise<string | null> {
  if (dir === null || !existsSync(weightsOf(dir))) return null;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(weightsOf(dir))) hash.update(chunk);
  return hash.digest("hex");
}

/**
 * Refuses to go on with a run whose start has been replaced: KL would be measured against another model. A start that is
 * no longer there is no fault yet; a run past its first stage does not need it.
 *
 * @param stored identity the run was created with; null for fresh weights
 * @throws CheckpointError when the model at `from` is another one now
 */
export async function checkStartModel(
  run: string,
  from: string | null,
  stored: string | null,
  store: Pick<ModelStore, "identity"> = { identity: () => modelIdentity(from) },
): Promise<void> {
  const found = await store.identity();
  if (stored === null || found === null || stored === found) return;
  throw new CheckpointError(
    `${run}: expected the model it started from, sha256 ${stored}, at ${from}; found another one, sha256 ${found}; ` +
      "put the first one back, or start a new run under another name",
  );
}
