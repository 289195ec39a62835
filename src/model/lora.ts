import { ConfigError } from "../base/errors.ts";
import { hashIntegers, Rng } from "../base/rng.ts";
import { Parameters } from "../engine/parameters.ts";
import type { Parameter } from "../engine/tape.ts";
import { type AdapterModule, adapterModules, adapterParameters, completeLora, type LoraOptions } from "./adapter.ts";
import type { Policy } from "./policy.ts";
import type { LoraPair } from "./weights.ts";

/** The array without the place for its gradient. */
const untrained = (parameter: Parameter): Parameter =>
  parameter.gradient === null ? parameter : { ...parameter, gradient: null };

/**
 * Puts a fresh adapter on a policy, whose weights are frozen from here on. Log-probabilities stay what they were until the
 * first update.
 *
 * @param policy taken over: close the returned one instead. Its weights may be in any format
 * @param keeping trained: whether gradients are kept; filled: whether the additions get their starting values, default true; else
 * zeros, for who writes others
 * @returns a policy that trains the adapter alone
 * @throws ConfigError listing everything in the options that is out of range or not in the model
 * @see arXiv:2106.09685
 */
export function attachLora(
  policy: Policy,
  options: LoraOptions,
  keeping: { trained: boolean; filled?: boolean } = { trained: true },
): Policy {
  const complete = completeLora(options, policy.config);
  return attachModules(policy, complete, adapterModules(policy.config, complete, policy.weights), keeping);
}

/** `attachLora` of the given additions, which may be some of those that the options mean, and of other ranks. */
export function attachModules(
  policy: Policy,
  options: Required<LoraOptions>,
  modules: readonly AdapterModule[],
  keeping: { trained: boolean; filled?: boolean },
): Policy {
  const { device, weights: base } = policy;
  if (policy.adapter) throw new ConfigError("lora: this model has an adapter already; merge it into its base first");
  const { rankStabilized, dropout, seed } = options;
  const parameters = new Parameters(device, adapterParameters(modules, new Rng(seed, 4)), keeping);
  const pairs = new Map<string, LoraPair>(
    modules.map(({ name, a, b, rank, alpha }, module) => {
      const scale = alpha / (rankStabilized ? Math.sqrt(rank) : rank);
      return [name, { a: parameters.get(a), b: parameters.get(b), scale, dropout, seed: hashIntegers(seed, module) }];
    }),
  );
  return {
    ...policy,
    weights: {
      get: (name) => untrained(base.get(name)),
      has: (name) => base.has(name),
      lora: (name) => pairs.get(name) ?? null,
    },
    parameters,
    adapter: { options, base, modules },
    owned: [...policy.owned, parameters],
  };
}
