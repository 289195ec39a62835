import { join } from "node:path";
import { writeFileAtomic } from "../base/atomic-file.ts";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { type AdapterModule, adapterModules, completeLora, type LoraOptions } from "./adapter.ts";
import { readF32 } from "./checkpoint.ts";
import { readSafetensors, type SafetensorsTensor, toFloat32, writeSafetensors } from "./formats/safetensors.ts";
import { attachModules } from "./lora.ts";
import { type PeftConfig, readPeftConfig } from "./peft-config.ts";
import { fromPeft, type PeftTensor, peftTensors, toPeft } from "./peft-names.ts";
import type { Policy } from "./policy.ts";

const configFile = "adapter_config.json";
const weightTypes = new Set(["F32", "F16", "BF16", "F64"]);
const weightsFile = "adapter_model.safetensors";

/**
 * Writes a policy's adapter as PEFT keeps it, in f32: `PeftModel.from_pretrained` on the same base gives the same logits.
 *
 * @param dir exists
 * @param base modelType: `model_type` of its config.json; name: what `base_model_name_or_path` says, a directory or hub id
 * @throws CheckpointError when PEFT has no such architecture or the disk is full
 * @throws ConfigError when the policy has no adapter
 */
export async function writePeft(
  dir: string,
  policy: Policy,
  base: { modelType: string; name: string | null },
): Promise<void> {
  const { device, adapter, parameters } = policy;
  if (!adapter) throw new ConfigError("PEFT adapter: this model has none; all of its weights are trained");
  const { rank, alpha, dropout, rankStabilized } = adapter.options;
  const { tensors, targets } = peftTensors(base.modelType, adapter.modules);
  const written: [string, SafetensorsTensor][] = [];
  for (const tensor of tensors) {
    const ours: Float32Array[] = [];
    for (const name of tensor.ours) ours.push(await readF32(device, parameters.get(name).buffer));
    written.push([tensor.name, { dtype: "F32", shape: tensor.shape, data: toPeft(tensor, ours) }]);
  }
  const pattern = (value: "rank" | "alpha", usual: number) =>
    Object.fromEntries(
      tensors.flatMap((one) => (one[value] === usual ? [] : [[one.target.replaceAll(".", "\\."), one[value]]])),
    );
  const config = {
    alpha_pattern: pattern("alpha", alpha),
    base_model_name_or_path: base.name,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    // PEFT has no dropout beside adapted parameters; without training it is the same.
    lora_dropout: targets.parameters.length > 0 ? 0 : dropout,
    peft_type: "LORA",
    r: rank,
    rank_pattern: pattern("rank", rank),
    target_modules: targets.modules,
    target_parameters: targets.parameters.length > 0 ? targets.parameters : null,
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: rankStabilized,
  };
  writeSafetensors(join(dir, weightsFile), written, { format: "pt" });
  writeFileAtomic(join(dir, configFile), `${JSON.stringify(config, null, 2)}\n`);
}

/**
 * Puts an adapter that PEFT or `writePeft` wrote on a policy.
 *
 * @param policy taken over once this returns: close the returned one instead
 * @param options modelType: `model_type` of the base; trained: whether gradients are kept; seed and dropout: in the
 * place of what the files say
 * @throws CheckpointError naming file and field when the adapter is of a kind that is not supported, or listing what does
 * not fit when it is of another base
 */
export function attachPeft(
  policy: Policy,
  dir: string,
  { modelType, trained, ...rest }: { modelType: string; trained: boolean; seed?: number; dropout?: number },
): Policy {
  const config = readPeftConfig(join(dir, configFile));
  const path = join(dir, weightsFile);
  const found = readSafetensors(path).tensors;
  const { options, modules, tensors } = fitted(path, config, found, { policy, modelType });
  const adapted = attachModules(policy, { ...options, ...rest }, modules, { trained });
  const { device, parameters } = adapted;
  try {
    for (const tensor of tensors) {
      const entries = tensor.ours.map((name) => parameters.get(name));
      const ours = entries.map(({ buffer }) => new Float32Array(buffer.length));
      fromPeft(tensor, toFloat32(found.get(tensor.name) as SafetensorsTensor), ours);
      entries.forEach(({ buffer }, i) => {
        device.write(buffer, ours[i]);
      });
    }
  } catch (error) {
    parameters.close();
    throw error;
  }
  return adapted;
}

/** What the tensors of a file adapt in a model. @throws CheckpointError listing those that do not fit */
function fitted(
  path: string,
  config: PeftConfig,
  found: ReadonlyMap<string, SafetensorsTensor>,
  { policy, modelType }: { policy: Policy; modelType: string },
): { options: Required<LoraOptions>; modules: AdapterModule[]; tensors: PeftTensor[] } {
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout, use_rslora: rankStabilized } = config;
  const most = everyModule(policy, modelType, config, found);
  const possible = peftTensors(modelType, most).tensors;
  const tensors = possible.filter(({ name }) => found.has(name));
  const problems: string[] = [];
  for (const { name, shape } of tensors) {
    const given = found.get(name) as SafetensorsTensor;
    if (given.shape.join() !== shape.join()) problems.push(`${name}: expected [${shape}], got [${given.shape}]`);
    if (!weightTypes.has(given.dtype)) problems.push(`${name}: ${given.dtype} holds no weights`);
  }
  const known = new Set(possible.map(({ name }) => name));
  for (const name of found.keys()) if (!known.has(name)) problems.push(`${name}: there is no such module`);
  for (const { name } of possible) {
    const other = name.replace(/lora_([AB])/, (_, half) => (half === "A" ? "lora_B" : "lora_A"));
    if (!found.has(name) && found.has(other)) problems.push(`${name} is missing`);
  }
  const filled = new Set(tensors.flatMap(({ ours }) => ours));
  const modules = most.filter(({ a, b }) => filled.has(a) && filled.has(b));
  const stacked = new Set(modules.filter(({ experts }) => experts > 0).map(({ name }) => name.split(".")[2]));
  if (stacked.size === 1) problems.push("of the experts' two tensors only one is adapted; adapt both or none");
  if (modules.length === 0) problems.push("no tensor adapts a module of this model");
  if (problems.length > 0) throw misfit(path, config, problems);
  const kinds = modules.filter(({ experts }) => experts === 0).map(({ name }) => name.split(".")[2]);
  const options = {
    rank,
    alpha,
    dropout,
    rankStabilized,
    targetModules: [...new Set(kinds)].filter((kind) => kind !== "router"),
    experts: stacked.size > 0,
    router: kinds.includes("router"),
    seed: 0,
  };
  return { options, modules, tensors };
}

/** All that an adapter of a model could adapt, with the ranks and alphas of one that PEFT wrote. */
function everyModule(
  { config, weights }: Policy,
  modelType: string,
  { r, lora_alpha, rank_pattern, alpha_pattern }: PeftConfig,
  found: ReadonlyMap<string, SafetensorsTensor>,
): AdapterModule[] {
  const experts = config.experts > 0;
  const options = completeLora({ rank: r, alpha: lora_alpha, experts, router: experts }, config);
  const modules = adapterModules(config, options, weights);
  const { tensors } = peftTensors(modelType, modules);
  return modules.map((module) => {
    const { name, target } = tensors.find(({ ours }) => ours.includes(module.a)) as PeftTensor;
    const rank = (found.get(name)?.shape[0] ?? 0) / Math.max(1, module.experts);
    // Without exceptions another rank is a misfit, like one that is no number of rows.
    const excepted = rank_pattern.length > 0 && Number.isInteger(rank) && rank > 0;
    const alpha = alpha_pattern.find(([suffix]) => `.${target}`.endsWith(`.${suffix}`))?.[1];
    return { ...module, rank: excepted ? rank : r, alpha: alpha ?? lora_alpha };
  });
}

function misfit(path: string, config: PeftConfig, problems: readonly string[]): CheckpointError {
  const shown = problems.slice(0, 8).join("; ");
  const more = problems.length > 8 ? `; and ${problems.length - 8} more` : "";
  const base = config.base_model_name_or_path ? ` (${config.base_model_name_or_path})` : "";
  return new CheckpointError(
    `${path} does not fit this model: ${shown}${more}; load it on the base it was trained on${base}`,
  );
}
