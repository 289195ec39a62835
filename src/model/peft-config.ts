import { readFileSync } from "node:fs";
import { z } from "zod";
import { CheckpointError } from "../base/errors.ts";

/**
 * Exceptions by module as PEFT writes them: regular expressions that say how the module's path ends. Others are not run: one
 * can take for ever.
 */
const pattern = z
  .record(
    z
      .string()
      .regex(/^(\.\*\\\.)?(\w|\\?\.)+$/, "expected the end of a module's path, as in .*\\.gate_up_proj")
      .transform((text) => text.replace(/^\.\*\\\./, "").replaceAll("\\.", ".")),
    z.number().positive(),
  )
  .nullish()
  .transform((exceptions) => Object.entries(exceptions ?? {}));

/** What `adapter_config.json` must say to be an adapter that can be computed here. Other fields must be unset. */
const schema = z
  .object({
    peft_type: z.literal("LORA"),
    r: z.number().int().min(1),
    lora_alpha: z.number().positive(),
    lora_dropout: z.number().min(0).lt(1).default(0),
    use_rslora: z.boolean().default(false),
    bias: z.literal("none").default("none"),
    // Other ways to begin change the base's weights too, and PEFT repeats that when it loads.
    init_lora_weights: z.union([z.boolean(), z.enum(["gaussian", "eva", "orthogonal"])]).default(true),
    base_model_name_or_path: z.string().nullish(),
    rank_pattern: pattern,
    alpha_pattern: pattern,
    target_parameters: z.array(z.string()).nullish(),
  })
  .loose();

/** Fields that say nothing about what is computed, or only together with a field that must be unset. */
const ignored = new Set([
  "auto_mapping",
  "inference_mode",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
  "runtime_config",
  "target_modules",
  "exclude_modules",
  "layers_to_transform",
  "layers_pattern",
  "task_type",
  ...Object.keys(schema.shape),
]);

/** `adapter_config.json`, as far as it matters here. */
export type PeftConfig = z.output<typeof schema>;

const isUnset = (value: unknown): boolean =>
  value === null || value === false || (typeof value === "object" && Object.keys(value as object).length === 0);

/**
 * Reads `adapter_config.json`.
 *
 * @throws CheckpointError listing every field that is out of range or asks for what is not computed here (DoRA, trained
 * biases, whole modules saved beside the adapter, ranks by module and the like)
 */
export function readPeftConfig(path: string): PeftConfig {
  let fields: unknown;
  try {
    fields = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CheckpointError(
      `${path}: cannot be read as JSON (${(error as Error).message}); expected a directory that PEFT or reckon export wrote`,
      { cause: error },
    );
  }
  const checked = schema.safeParse(fields);
  const problems = checked.success
    ? Object.entries(checked.data)
        .filter(([name, value]) => !ignored.has(name) && !isUnset(value))
        .map(([name, value]) => `${name}: ${JSON.stringify(value).slice(0, 80)} is not supported`)
    : checked.error.issues.map(({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`);
  if (!checked.success || problems.length > 0)
    throw new CheckpointError(`${path}: ${problems.join("; ")}; train the adapter without, or merge it with PEFT`);
  return checked.data;
}
