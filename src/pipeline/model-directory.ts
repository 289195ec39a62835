import { existsSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import { newestCheckpoint, runExists } from "../runs/run-reader.ts";

/**
 * The model that `--model` names: a model's directory as it is, a run's directory for its finished model.
 *
 * @throws CheckpointError when a run is named that has no finished model yet
 */
export function modelDirectory(dir: string): string {
  if (existsSync(join(dir, "config.json")) || !runExists(dir)) return dir;
  const final = join(dir, "final");
  if (existsSync(final)) return final;
  const newest = newestCheckpoint(dir);
  throw new CheckpointError(
    `${dir}: expected a finished run, this one is not; ${newest ? `its newest checkpoint is ${newest}` : "it has no checkpoint yet"}`,
  );
}
