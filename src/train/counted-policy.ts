import { Rng } from "../base/rng.ts";
import { Parameters } from "../engine/parameters.ts";
import type { CountingDevice } from "../engine/registry.ts";
import { Scope } from "../engine/scope.ts";
import type { WeightFormat } from "../engine/weight-formats.ts";
import type { LoraOptions } from "../model/adapter.ts";
import type { DecoderConfig } from "../model/config.ts";
import { decoderParameters, withFrozenRouters } from "../model/definitions.ts";
import { FrozenWeights } from "../model/frozen-weights.ts";
import { attachLora } from "../model/lora.ts";
import { freezePolicy, frozenPolicy, type Policy, wholePolicy } from "../model/policy.ts";
import { ValueHead } from "../model/value-head.ts";
import { AdamW } from "../update/adamw.ts";
import type { Critic } from "./ppo-run.ts";

/** A frozen array, as it will be held. */
export interface FrozenArray {
  name: string;
  shape: readonly number[];
  format: "f32" | WeightFormat;
}

/** Everything about a model that decides how much memory it takes. */
export interface ModelPlan {
  config: DecoderConfig;
  /** Its frozen arrays; null: all of it is trained, in f32. */
  frozen: readonly FrozenArray[] | null;
  /** The adapter on the frozen arrays; null: none. */
  lora: LoraOptions | null;
  /** Where all of it is trained: all but the routers of its mixtures; default false. */
  frozenRouters?: boolean;
}

/** What the memory of a policy is for, in the words it is shown in. */
export const purposes = {
  weights: "weights",
  trained: "trained weights with gradients and moments",
  reference: "reference",
  keys: "keys and values",
  activations: "activations",
  sampling: "sampling",
} as const;

/** A policy of that shape on a device that only counts, its memory told apart by `purposes`. */
export function countedPolicy(device: CountingDevice, { config, frozen, lora, frozenRouters }: ModelPlan): Policy {
  // Rotary tables are counted, not computed: angles of 100,000 positions take longer than all the rest.
  const short = { ...config, maxPositions: 1 };
  if (config.positions === "rotary") {
    const tables = device.for(purposes.weights);
    tables.write(tables.allocate("f32", (config.maxPositions - 1) * config.headDim));
  }
  const base = frozen ? frozenOf(device.for(purposes.weights), short, frozen) : trainedOf(device, short, frozenRouters);
  const policy = lora
    ? attachLora({ ...base, device: device.for(purposes.trained) }, lora, { trained: true, filled: false })
    : base;
  return {
    ...policy,
    config,
    device: device.for(purposes.keys),
    stepScope: new Scope(device.for(purposes.activations)),
    pieceScope: new Scope(device.for(purposes.sampling)),
  };
}

/** `freezePolicy` of a counted policy. */
export function countedReference(device: CountingDevice, policy: Policy): Policy {
  const frozen = freezePolicy({ ...policy, device: device.for(purposes.reference) });
  return { ...frozen, stepScope: new Scope(device.for(purposes.activations)) };
}

/** A critic on a counted policy. */
export function countedCritic(device: CountingDevice, { config }: Policy): Critic {
  const head = new ValueHead(device.for(purposes.trained), config.width, { seed: 0, trained: true, filled: false });
  return { head, optimizer: new AdamW(head.parameters) };
}

function frozenOf(device: CountingDevice, config: DecoderConfig, arrays: readonly FrozenArray[]): Policy {
  const weights = new FrozenWeights(device);
  for (const { name, shape, format } of arrays) weights.reserve(name, shape, format);
  return frozenPolicy(device, config, weights);
}

function trainedOf(device: CountingDevice, config: DecoderConfig, frozenRouters = false): Policy {
  const all = decoderParameters(config, new Rng(0));
  const definitions = frozenRouters ? withFrozenRouters(all) : all;
  const parameters = new Parameters(device.for(purposes.trained), definitions, { trained: true, filled: false });
  return wholePolicy(device.for(purposes.weights), config, parameters);
}
