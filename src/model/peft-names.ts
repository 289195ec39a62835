import { CheckpointError } from "../base/errors.ts";
import type { AdapterModule } from "./adapter.ts";

/** Where transformers keeps our modules within a layer; those of mixtures differ by model type. */
const projections: Record<string, string> = {
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  attentionOutput: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

/** A mixture's modules by model type; null: its layers are plain. */
const mixtures: Record<string, { experts: string; router: string } | null> = {
  llama: null,
  qwen2: null,
  qwen3: null,
  qwen3_moe: { experts: "mlp.experts", router: "mlp.gate" },
  granitemoe: { experts: "block_sparse_moe.experts", router: "block_sparse_moe.router" },
  phimoe: { experts: "mlp.experts", router: "mlp.router" },
  mixtral: { experts: "mlp.experts", router: "mlp.gate" },
  olmoe: { experts: "mlp.experts", router: "mlp.gate" },
};

/**
 * One tensor of a PEFT adapter and the arrays of ours it holds. `plain`: an array as it is, A of stacked experts
 * [E, R, inner] included, as [E·R, inner]; `stackedB`: those [E, outer, R] one below the other, as [Σ outer, R·E] with the
 * expert innermost.
 */
export interface PeftTensor {
  name: string;
  shape: [number, number];
  layout: "plain" | "stackedB";
  ours: string[];
  /** The module or parameter that it adapts, as patterns of `adapter_config.json` name it. */
  target: string;
  rank: number;
  alpha: number;
}

/** What `adapter_config.json` says is adapted. */
export interface PeftTargets {
  modules: string[];
  parameters: string[];
}

/**
 * The tensors of an adapter as PEFT 0.21 names them for transformers 5: projections are modules, a router and the stacked
 * tensors of experts are parameters, of which the second on the same module is wrapped around the first.
 *
 * @param modelType `model_type` of the base's config.json
 * @throws CheckpointError when PEFT's names for that model type are not known
 */
export function peftTensors(
  modelType: string,
  modules: readonly AdapterModule[],
): { tensors: PeftTensor[]; targets: PeftTargets } {
  if (!Object.hasOwn(mixtures, modelType))
    throw new CheckpointError(
      `PEFT adapter: expected a base of model type ${Object.keys(mixtures).join(", ")}, got ${modelType}; ` +
        "train all of the weights of such a model instead",
    );
  const mixture = mixtures[modelType];
  const tensors: PeftTensor[] = [];
  const targets = { modules: new Set<string>(), parameters: new Set<string>() };
  /** `path` of the tensors and `parameter` of the layer; null: a module. */
  const add = (layer: string, path: string, parameter: string | null, [first, ...more]: AdapterModule[]) => {
    const { a, b, outer, inner, experts, rank, alpha } = first;
    const stacked = experts > 0;
    const width = stacked ? experts * rank : rank;
    const outers = more.reduce((sum, one) => sum + one.outer, outer);
    const at = `base_model.model.model.layers.${layer}.${path}`;
    const common = { target: `model.layers.${layer}.${parameter ?? path}`, rank, alpha };
    tensors.push({ name: `${at}.lora_A.weight`, shape: [width, inner], layout: "plain", ours: [a], ...common });
    const layout = stacked ? "stackedB" : "plain";
    const ours = [b, ...more.map((one) => one.b)];
    tensors.push({ name: `${at}.lora_B.weight`, shape: [outers, width], layout, ours, ...common });
    if (parameter) targets.parameters.add(parameter);
    else targets.modules.add(path.split(".")[1]);
  };
  for (const one of modules) {
    const [, layer, kind] = one.name.split(".");
    if (kind === "router" && mixture) add(layer, mixture.router, `${mixture.router}.weight`, [one]);
    else if (one.experts > 0 && mixture) {
      if (kind === "down") add(layer, mixture.experts, `${mixture.experts}.down_proj`, [one]);
      if (kind !== "gate") continue;
      const up = modules.filter(({ name }) => name === `layers.${layer}.up`);
      add(layer, `${mixture.experts}.base_layer`, `${mixture.experts}.gate_up_proj`, [one, ...up]);
    } else {
      const path = projections[kind];
      // PEFT takes the names of a mixture's plain blocks, as modules, for those of its experts.
      add(layer, path, mixture && path.startsWith("mlp.") ? `${path}.weight` : null, [one]);
    }
  }
  return { tensors, targets: { modules: [...targets.modules], parameters: [...targets.parameters] } };
}

/** The values of a PEFT tensor from ours, in the tensor's order of `ours`. */
export function toPeft(tensor: PeftTensor, ours: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const values = new Float32Array(tensor.shape[0] * tensor.shape[1]);
  if (tensor.layout === "plain") values.set(ours[0]);
  else eachStacked(tensor, ours, (array, i, at) => (values[at] = array[i]));
  return values;
}

/** Writes a PEFT tensor's values into ours, of the lengths they have. */
export function fromPeft(tensor: PeftTensor, values: Float32Array, ours: readonly Float32Array[]): void {
  if (tensor.layout === "plain") ours[0].set(values);
  else eachStacked(tensor, ours, (array, i, at) => (array[i] = values[at]));
}

/** Calls `visit` for element i of each array [E, outer, R] and its place in [Σ outer, R·E]. */
function eachStacked(
  { shape, rank }: PeftTensor,
  ours: readonly Float32Array[],
  visit: (array: Float32Array, i: number, at: number) => void,
): void {
  const experts = shape[1] / rank;
  let rowsBefore = 0;
  for (const array of ours) {
    const outer = array.length / experts / rank;
    for (let i = 0; i < array.length; i++) {
      const r = i % rank;
      const o = Math.floor(i / rank) % outer;
      const e = Math.floor(i / rank / outer);
      visit(array, i, (rowsBefore + o) * shape[1] + r * experts + e);
    }
    rowsBefore += outer;
  }
}
