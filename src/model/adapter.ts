import { ConfigError } from "../base/errors.ts";
import type { Rng } from "../base/rng.ts";
import type { ParameterDefinition } from "../engine/parameters.ts";
import { type DecoderConfig, hasExperts } from "./config.ts";
import { resolveTargets } from "./lora-targets.ts";
import type { Weights } from "./weights.ts";

/** What an adapter is made of. */
export interface LoraOptions {
  /** R, of each addition; default 16. */
  rank?: number;
  /** Additions are multiplied by alpha / R; default 2 · rank. */
  alpha?: number;
  /** Share of an addition's inputs that is zeroed in training passes, in [0, 1); default 0. */
  dropout?: number;
  /** Multiply by alpha / sqrt(R) instead (arXiv:2312.03732); default false. */
  rankStabilized?: boolean;
  /** Projections by our names or Hugging Face's, or `all-linear`, the default: all of attention and plain feed-forward blocks. */
  targetModules?: readonly string[] | "all-linear";
  /** Also every expert's gate, up and down; default false. */
  experts?: boolean;
  /** Also the router; default false: experts are chosen as the base model chooses them. */
  router?: boolean;
  /** Names the starting values and dropout's random numbers; default 0. */
  seed?: number;
}

/** One addition: the product it is added to, and the arrays it is made of, by name. */
export interface AdapterModule {
  /** `layers.3.query`. */
  name: string;
  a: string;
  b: string;
  outer: number;
  inner: number;
  /** E; 0: not of experts. */
  experts: number;
  /** R. */
  rank: number;
  alpha: number;
}

/** An adapter: low-rank additions to frozen weights. */
export interface Adapter {
  options: Required<LoraOptions>;
  /** The weights without it. */
  base: Weights;
  modules: readonly AdapterModule[];
}

/**
 * Fills in what was left out and checks it against a model.
 *
 * @throws ConfigError listing everything that is out of range or not in the model
 */
export function completeLora(options: LoraOptions, config: DecoderConfig): Required<LoraOptions> {
  const { rank = 16, dropout = 0, rankStabilized = false, experts = false, router = false, seed = 0 } = options;
  const { alpha = 2 * rank, targetModules = "all-linear" } = options;
  const problems: string[] = [];
  const require = (holds: boolean, text: string) => void (holds || problems.push(text));
  require(Number.isInteger(rank) && rank >= 1, `rank: expected a whole number from 1, got ${rank}`);
  require(Number.isFinite(alpha) && alpha > 0, `alpha: expected a number above 0, got ${alpha}`);
  require(dropout >= 0 && dropout < 1, `dropout: expected a number from 0 and below 1, got ${dropout}`);
  require(!(dropout > 0 && (experts || router)), "dropout: must be 0 with experts or router; PEFT has none for them");
  require(config.experts > 0 || !(experts || router), `${experts ? "experts" : "router"}: this model has none`);
  const targets = resolveTargets(targetModules, config);
  require(targets.length > 0 || experts || router, "targetModules: expected at least one, got none");
  if (problems.length > 0) throw new ConfigError(`lora: ${problems.join("; ")}`);
  return { rank, alpha, dropout, rankStabilized, targetModules, experts, router, seed };
}

/**
 * The additions of an adapter, in the decoder's order. Gate and up of experts share their first half, as in PEFT's
 * adapters of the fused tensor that checkpoints keep them in.
 */
export function adapterModules(config: DecoderConfig, options: Required<LoraOptions>, base: Weights): AdapterModule[] {
  const targets = resolveTargets(options.targetModules, config);
  const modules: AdapterModule[] = [];
  const add = (name: string, { a = `${name}.loraA` } = {}) => {
    const shape = base.get(`${name}.weight`).shape;
    const [outer, inner] = shape.slice(-2);
    const experts = shape.length === 3 ? shape[0] : 0;
    modules.push({ name, a, b: `${name}.loraB`, outer, inner, experts, rank: options.rank, alpha: options.alpha });
  };
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `layers.${layer}`;
    const mixture = hasExperts(config, layer);
    for (const target of targets) if (!mixture || !["gate", "up", "down"].includes(target)) add(`${at}.${target}`);
    if (!mixture) continue;
    if (options.router) add(`${at}.router`);
    if (!options.experts) continue;
    const gated = config.activation === "swiglu";
    if (gated) add(`${at}.gate`, { a: `${at}.gateUp.loraA` });
    add(`${at}.up`, gated ? { a: `${at}.gateUp.loraA` } : {});
    add(`${at}.down`);
  }
  return modules;
}

/**
 * Names, shapes and starting values of an adapter's arrays: A uniform in ±1/sqrt(inner) (Kaiming with a = √5, as PEFT), B
 * zero, so that a fresh adapter changes nothing.
 */
export function adapterParameters(modules: readonly AdapterModule[], rng: Rng): ParameterDefinition[] {
  const definitions = new Map<string, ParameterDefinition>();
  const add = (name: string, shape: number[], initialize: (values: Float32Array) => void) => {
    if (!definitions.has(name)) definitions.set(name, { name, shape, initialize, decays: true });
  };
  for (const { a, b, outer, inner, experts, rank } of modules) {
    const stack = experts > 0 ? [experts] : [];
    const bound = 1 / Math.sqrt(inner);
    add(a, [...stack, rank, inner], (values) => {
      for (let i = 0; i < values.length; i++) values[i] = bound * (2 * rng.uniform() - 1);
    });
    add(b, [...stack, outer, rank], (values) => void values.fill(0));
  }
  return [...definitions.values()];
}
