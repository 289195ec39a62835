import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { attachPeft, writePeft } from "./peft.ts";
import type { Policy } from "./policy.ts";

const manifestSchema = z.object({
  format: z.literal("reckon-adapter-1"),
  base: z.object({
    from: z.string().min(1),
    identity: z.string().min(1).nullable(),
    modelType: z.string().min(1),
  }),
  lora: z.object({ seed: z.number().int(), dropout: z.number().min(0).lt(1) }),
  task: z.record(z.string(), z.unknown()),
});

/** `config.json` of an adapter's checkpoint: the base it belongs to, beside what PEFT's own file says. */
export interface AdapterManifest {
  format: "reckon-adapter-1";
  base: {
    /** Directory, file or hub id. */
    from: string;
    /** What names its weights whatever the path; null: not known. */
    identity: string | null;
    /** `model_type` of its config.json. */
    modelType: string;
  };
  /** What of `LoraOptions` PEFT's own file does not hold, or not always. */
  lora: { seed: number; dropout: number };
  /** What the adapter was trained on. */
  task: Record<string, unknown>;
}

/**
 * Writes a policy's adapter, not its base, into an existing directory: as PEFT keeps it, with a `config.json` that names
 * the base.
 *
 * @throws ConfigError when the policy has no adapter; CheckpointError as `writePeft`
 */
export async function saveAdapter(
  dir: string,
  policy: Policy,
  { base, task }: Pick<AdapterManifest, "base" | "task">,
): Promise<void> {
  if (!policy.adapter) throw new ConfigError("adapter: this model has none; save all of its weights");
  const { seed, dropout } = policy.adapter.options;
  const manifest: AdapterManifest = { format: "reckon-adapter-1", base, lora: { seed, dropout }, task };
  await writePeft(dir, policy, { modelType: base.modelType, name: base.from });
  writeFileAtomic(join(dir, "config.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Puts an adapter that `saveAdapter` wrote on its base.
 *
 * @param policy the base, taken over once this returns: close the returned one instead
 * @param options identity: of that base, null where it is not known; trained: whether gradients are kept
 * @throws CheckpointError when a file is missing or not ours, or the adapter belongs to another base
 */
export function loadAdapter(
  policy: Policy,
  dir: string,
  { identity, trained }: { identity: string | null; trained: boolean },
): Policy {
  const { base, lora } = readAdapterManifest(dir);
  if (base.identity !== null && identity !== null && base.identity !== identity)
    throw new CheckpointError(
      `${dir}: expected the base it was trained on (${base.from}, ${base.identity}), got another one (${identity}); ` +
        "put that base back, or begin a new run from this one",
    );
  return attachPeft(policy, dir, { modelType: base.modelType, trained, ...lora });
}

/** config.json of an adapter's checkpoint. @throws CheckpointError when it is missing, foreign, or a field is */
export function readAdapterManifest(dir: string): AdapterManifest {
  const path = join(dir, "config.json");
  let fields: unknown;
  try {
    fields = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CheckpointError(
      `${path}: cannot be read (${(error as Error).message}); expected the checkpoint of a run that trains an adapter`,
      { cause: error },
    );
  }
  const checked = manifestSchema.safeParse(fields);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map(({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`);
  throw new CheckpointError(`${path}: ${problems.join("; ")}; copy the checkpoint again`);
}
